//! `words:start_verb`: the reply begins with a verb.
//!
//! The benchmark's program tags the reply with NLTK's averaged perceptron, a trained model, and asks whether the first
//! token's tag holds `VB`. This is an approximation by rule: the first token is a form of a listed verb, or ends in
//! `ing` or `ed`, and what follows does not make it a noun. The tagger itself errs at this place: it often takes a
//! capitalised imperative for a noun or a name (`Understand`, `Build`).

use super::super::super::python::lower;

/// Whether the first of these tokens is a verb.
pub(super) fn begins(tokens: &[String]) -> bool {
    let Some(first) = tokens.first().map(|token| lower(token)) else { return false };
    let before_object = tokens.get(1).is_some_and(|next| is_listed(OPENS_OBJECT, &lower(next)));
    is_listed(FORMS, &first)
        || is_listed(VERBS, &first)
        || is_participle(&first)
        || before_object && (is_listed(NOUNS_TOO, &first) || is_third_person(&first))
}

fn is_listed(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// A present or past participle, by its ending.
fn is_participle(word: &str) -> bool {
    let ends_so = |ending: &str| word.strip_suffix(ending).is_some_and(|stem| stem.len() > 1 && has_vowel(stem));
    word.bytes().all(|byte| byte.is_ascii_lowercase())
        && !is_listed(NO_VERBS, word)
        && (ends_so("ing") || ends_so("ed"))
}

/// The third person of a listed verb.
fn is_third_person(word: &str) -> bool {
    let stem = |ending: &str, instead: &str| word.strip_suffix(ending).map(|stem| format!("{stem}{instead}"));
    [stem("s", ""), stem("es", ""), stem("ies", "y")].into_iter().flatten().any(|stem| is_listed(VERBS, &stem))
}

fn has_vowel(stem: &str) -> bool {
    stem.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// Words in `ing` and `ed` that are no verbs.
const NO_VERBS: &str = "airspeed anything bed building ceiling during evening everything hatred hundred indeed \
    kindred king lightning morning naked nothing red ring sacred seed sibling something speed spring string thing \
    wedding wicked wing";

/// Forms of irregular verbs, which do not end so.
const FORMS: &str = "am are be became been began begun being bought broke broken brought built came caught chose \
    chosen cut did do does done drawn drew driven drove fallen fell felt found gave given gone got gotten grew grown \
    had has have heard held is kept knew known lay led left let lost made meant met paid put ran risen rose said sat \
    saw seen sent set sold sought spent spoke spoken stood taken taught thought told took understood was went were won \
    wore worn written wrote";

/// Verbs that seldom are nouns at the beginning of a reply.
const VERBS: &str = "accelerate accept access accommodate accompany accomplish account achieve acknowledge acquire \
    act adapt add address adhere adjust admire admit adopt advance advise advocate aim align allocate allow alter \
    amplify analyse analyze announce anticipate apologize appear append apply appreciate approach approve argue \
    arrange arrive articulate ascertain ask assemble assert assess assign assist associate assume assure attach attain \
    attempt attend attract automate avoid await awaken bake balance banish bear become begin behave behold believe \
    belong bind blend boil bolster boost borrow brainstorm breathe bring broaden browse brush build bury buy calculate \
    call capture carry carve catch categorize cease celebrate challenge characterize chase check cherish choose chop \
    circulate cite clarify classify clean clear click climb close coat code collaborate collect combat combine come \
    commence commit communicate compare compete compile complement complete compose comprehend compress compute \
    conceive concentrate conclude conduct configure confirm congratulate connect conquer consider consist consolidate \
    construct consult consume contact contain contemplate continue contrast contribute convert convey convince cook \
    coordinate copy correct count craft create critique cross cultivate curate customize debug decide declare decode \
    decorate decrease dedicate deduce deepen define delegate delete deliver delve demonstrate denote depart depict \
    deploy derive describe deserve design desire destroy detach detail detect determine develop devise differentiate \
    dig diminish direct disable discern disclose discover discuss dismiss display dispose dissolve distinguish \
    distribute dive diversify divide document draft drag drain draw drink drive drop earn eat edit educate elaborate \
    elevate eliminate embark embed embody embrace emerge emphasise emphasize employ empower enable enact encapsulate \
    encode encompass encounter encourage end endure enforce engage enhance enjoy enlighten enlist enrich enroll ensure \
    enter entertain enumerate envision equip eradicate erase escape establish estimate evaluate evoke evolve examine \
    exceed exclaim exclude excuse execute exhale exhibit exist expand expect experiment explain explore export express \
    extend extract facilitate familiarize feed feel fetch fill filter finalize find finish fit fix flee flip float fly \
    focus fold follow forge forget formulate foster fuel fulfill gain gather gaze generate get give go grab grant \
    grasp greet grind grow guard guess guide hail hang happen harness have hear heat help hide highlight hire hold \
    hope identify ignite ignore illuminate illustrate imagine immerse implement imply import improve include \
    incorporate increase indicate indulge infer influence inform infuse inhabit inhale inherit initialize initiate \
    inject inquire insert insist inspect inspire install instruct integrate interact interpret introduce invent invest \
    investigate invite invoke involve iterate join judge jump justify juxtapose keep knead know lament launch lead \
    lean learn leave lend let leverage lift linger listen locate log look loosen lose lower magnify maintain make \
    manage manipulate map master maximise maximize meander measure meet melt memorize mention merge minimise minimize \
    mix modify monitor motivate mourn move multiply navigate negotiate normalize note notice notify nourish nurture \
    obey obtain occur offer omit open operate oppose optimise optimize orchestrate organise organize outline overcome \
    oversee owe paint paraphrase parse participate pause pay peel peer perceive perform permeate permit persevere \
    persist persuade pick place plant play plunge poke ponder portray pour practice praise pray predict prefer prepare \
    prescribe present preserve press presume pretend prevent prioritise prioritize proceed process proclaim procure \
    produce prohibit promote prompt pronounce propel propose protect prove provide provoke pull purchase pursue push \
    put quantify question quit quote radiate raise reach react read realize rearrange reason reassess rebuild recall \
    receive recite recognise recognize recommend reconcile reconsider reconstruct record recover recreate redesign \
    reduce refer refine reflect reformulate refrain reframe refresh refute regard register regulate reinforce reject \
    rejoice relate relax release relinquish relish rely remain remember remind remove rename render renew reorder \
    reorganize repair repeat rephrase replace reply report represent request require research resemble reserve reset \
    resist resize resolve respect respond restate restore restructure resume retain rethink retire retrieve return \
    reveal reverse review revise rewire reword rewrite ride rise roam roast roll run save savor say scan scatter \
    schedule scold score scrape scream seal search secure see seek seem select sell send separate serve set settle \
    shake shape share shatter shift shine show shrink shut sift sign simplify sing sit sketch skip sleep slice slide \
    smile soak soar solve sort spark speak specify spend spill split spread sprinkle squeeze stand stare start startle \
    state stay steer step stir stop store streamline strengthen strive stroll structure study stumble submit subscribe \
    substitute subtract succeed suffer suggest summarise summarize summon supply support suppose surpass surrender \
    surround survive suspect sustain swallow swap sweep swim synthesize tackle tailor take talk taste teach tell test \
    thank thicken think threaten thrive throw tie toss touch trace track trade train transcend transcribe transform \
    transition translate transmit transport travel traverse treat trigger trim trust try turn twist type uncover \
    undergo understand undertake unfold unite unleash unlock unravel unveil update upgrade upload use utilise utilize \
    validate value vanish vary venture verify view visit visualise visualize voice vow wait wake walk wander want warm \
    wash watch weaken wear weave weigh whisk whisper wield win wipe witness wonder work worry wrap write yield";

/// Words that are as often nouns: verbs where an object follows.
const NOUNS_TOO: &str = "answer attack base blame bless board book bridge care cause change charge chart claim \
    comfort comment compromise concern control cost cover cure dance date deal debate demand dream dress drill echo \
    exchange exercise experience face fear feature fight film finance fire fish flow force form format frame function \
    fund group hand harm harvest hate head host house hunt impact interest issue journey kick kiss label land laugh \
    level light limit line link list live love mark market matter mind model name need network object order own pack \
    park pass phone picture pilot plan point post power preface price print profile program project promise purpose \
    race rain range rank rate reform rest risk rock rule sail sample scale shop signal sound source stage storm stress \
    stretch strike surface surprise target team thread time title tour transfer trouble vote wage water wave welcome \
    wish word worship";

/// What begins an object or an adverbial.
const OPENS_OBJECT: &str = "a about all an any both carefully closely down each eight every five for four her him \
    his how in into it its me my myself nine on one our ourselves out seven six some ten that the their them \
    themselves these this those three to two up us what where whether who why with you your yourself";

#[cfg(test)]
mod tests {
    use super::*;

    fn begins_with_verb(text: &str) -> bool {
        begins(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn imperatives_and_participles_are_verbs() {
        for text in
            ["Prove that it holds", "Whirring and pulsing", "Is it so", "made of wood", "Plan your day", "Makes a cup"]
        {
            assert!(begins_with_verb(text), "{text}");
        }
    }

    #[test]
    fn nouns_names_and_function_words_are_not() {
        for text in [
            "The cat",
            "Plan B",
            "Water is wet",
            "Paris",
            "In short",
            "Nothing helps",
            "Morning came",
            "Certainly",
            "Steps are",
            "",
        ] {
            assert!(!begins_with_verb(text), "{text}");
        }
    }
}
