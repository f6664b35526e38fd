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
    let next = tokens.get(1).map(|token| lower(token)).unwrap_or_default();
    if FORMS.split(' ').any(|form| form == first) || is_listed(VERBS, &first) {
        return true;
    }
    if is_listed(NOUNS_TOO, &first) {
        return OPENS_OBJECT.split(' ').any(|word| word == next);
    }
    is_inflected(&first)
}

fn is_listed(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// A present or past participle by its ending, or a third person of a listed verb.
fn is_inflected(word: &str) -> bool {
    let is_letters = word.bytes().all(|byte| byte.is_ascii_lowercase());
    let ends_so = |ending: &str| word.strip_suffix(ending).is_some_and(|stem| stem.len() > 1 && has_vowel(stem));
    let third_person = || {
        let stem = |ending: &str, instead: &str| word.strip_suffix(ending).map(|stem| format!("{stem}{instead}"));
        [stem("s", ""), stem("es", ""), stem("ies", "y")].into_iter().flatten().any(|stem| is_listed(VERBS, &stem))
    };
    is_letters && !is_listed(NO_VERBS, word) && (ends_so("ing") || ends_so("ed") || third_person())
}

fn has_vowel(stem: &str) -> bool {
    stem.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// Words in `ing` and `ed` that are no verbs.
const NO_VERBS: &str = "anything bed being building ceiling during evening everything hundred indeed king morning \
    nothing red ring sacred seed sibling something speed spring string thing wedding wicked wing hatred kindred naked";

/// Forms of irregular verbs, which do not end so.
const FORMS: &str = "am is are was were be been being has had have do does did done went gone made said took taken came \
    saw seen knew known got gotten gave given found thought told became left felt put brought began begun kept held \
    wrote written stood heard let meant set met ran paid sat spoke spoken lay led grew grown lost fell fallen sent built \
    understood drew drawn broke broken spent cut rose risen drove driven bought wore worn chose chosen caught taught \
    won sought sold";

/// Verbs that seldom are nouns at the beginning of a reply.
const VERBS: &str = "accept accelerate access accommodate accompany accomplish account achieve acknowledge acquire act \
    adapt add address adhere adjust admire admit adopt advance advise advocate aim align allocate allow alter amplify \
    analyze analyse announce anticipate apologize appear append apply appreciate approach approve argue arrange arrive \
    articulate ascertain ask assemble assert assess assign assist associate assume assure attach attain attempt attend \
    attract automate avoid await awaken bake balance banish bear become begin behave behold believe belong bind blend \
    boil bolster boost borrow breathe bring broaden browse brush build bury buy calculate call calculate capture carry \
    carve catch categorize cease celebrate challenge characterize chase check cherish choose chop circulate cite clarify \
    classify clean clear click climb close coat code collaborate collect combat combine come commence commit communicate \
    compare compete compile complete complement compose comprehend compress compute conceive concentrate conclude conduct \
    configure confirm connect conquer consider consist consolidate construct consult consume contact contain contemplate \
    continue contrast contribute convert convey convince cook coordinate copy correct count craft create cross cultivate \
    customize decide declare decode decorate decrease dedicate deepen define delegate delete deliver delve demonstrate \
    denote depict deploy derive describe deserve design desire destroy detail detect determine develop devise differentiate \
    dig diminish direct disable discern discover discuss display dissolve distinguish distribute dive diversify divide \
    document draft drag drain draw drink drive drop earn eat edit educate elaborate elevate eliminate embark embed embody \
    embrace emerge emphasize employ empower enable enact encapsulate encode encompass encounter encourage end endure \
    enforce engage enhance enjoy enlighten enrich enroll ensure enter enumerate envision equip eradicate escape establish \
    estimate evaluate evoke evolve examine exceed execute exhibit exist expand expect experiment explain explore export \
    express extend extract facilitate familiarize feed feel fetch fill filter finalize find finish fit fix flee flip float \
    fly focus fold follow forge forget formulate foster fuel fulfill gain gather gaze generate get give go grab grant grasp \
    greet grind grow guard guess guide hang happen harness have hear heat help hide highlight hire hold hope identify \
    ignite ignore illuminate illustrate imagine immerse implement imply import improve include incorporate increase \
    indicate indulge infer influence inform infuse inhale initialize initiate inject insert insist inspect inspire install \
    instruct integrate interact interpret introduce invent invest investigate invite involve iterate join judge jump \
    justify keep knead know launch lead lean learn leave lend let leverage lift listen locate log look lose lower maintain \
    make manage manipulate map master maximize measure meet melt memorize mention merge minimize mix modify monitor \
    motivate move multiply navigate negotiate normalize nourish note notice notify nurture obey obtain occur offer open \
    operate optimize orchestrate organize outline overcome oversee paint participate pause pay perceive perform permit \
    persist persuade pick place plant play please ponder pour practice praise pray predict prefer prepare present preserve \
    press prevent prioritize proceed process procure produce promote prompt pronounce propose protect prove provide pull \
    purchase pursue push put quantify question quote raise reach read realize reason recall receive recite recognize \
    recommend reconcile record recover reduce refer refine reflect refrain refresh regard register regulate reinforce \
    reject rejoice relate relax release relish rely remain remember remind remove render renew repair repeat rephrase \
    replace reply report represent request require research reserve resist resolve respect respond restore retain \
    rethink retrieve return reveal reverse review revise rewrite ride rise roast roll run save savor say scan schedule \
    score scrape seal search secure see seek seem select sell send separate serve set settle shake shape share shift shine \
    show shut sign simplify sit sketch skip slice sleep smile solve sort spark speak specify spend split spread sprinkle \
    stand start state stay step stir stop store streamline strengthen strive structure study submit subscribe substitute \
    subtract succeed suggest summarize supply support suppose surround survive swap swim tackle tailor take talk taste \
    teach tell test thank think thrive throw tie toss touch trace track trade train transcend transform transition \
    translate transmit transport travel traverse treat trim trust try turn type uncover understand undergo undertake unite \
    unleash unlock unravel unveil update upgrade upload use utilize validate value vary venture verify view visit \
    visualize voice wait wake walk wander want warm wash watch wear weave weigh welcome whisk whisper win wipe witness \
    wonder work worry wrap write yield";

/// Words that are as often nouns: verbs where an object follows.
const NOUNS_TOO: &str = "answer attack balance base blame bless board book bridge care cause change charge chart claim \
    comfort comment compromise concern contact control cost cover cure dance date deal debate demand dream dress drill \
    echo estimate exchange exercise experience face fear feature fight film finance fire fish flow force form frame \
    fund function hand harm harvest hate head host house hunt impact interest issue journey kick kiss label land laugh \
    level light limit line link list live love mark market matter model mind name need network object order own pack park \
    pass phone picture pilot plan point post power preface price print profile program project promise purpose race rain \
    range rate rank reform rest risk rock rule sail sample scale secure shop signal sound source stage storm stress \
    stretch strike surprise surface target taste team thread time title tour transfer trouble vote wage water wave wish \
    word worship";

/// What begins an object or an adverbial.
const OPENS_OBJECT: &str = "a an the this that these those my your our his her its their each every all some any one both \
    me you him us them it myself yourself ourselves themselves what how whether why who where up down out in into on to \
    with for about carefully closely";

#[cfg(test)]
mod tests {
    use super::*;

    fn begins_with_verb(text: &str) -> bool {
        begins(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn imperatives_and_participles_are_verbs() {
        for text in
            ["Prove that it holds", "Whirring and pulsing", "Is it so", "made of wood", "Plan your day", "Makes sense"]
        {
            assert!(begins_with_verb(text), "{text}");
        }
    }

    #[test]
    fn nouns_names_and_function_words_are_not() {
        for text in
            ["The cat", "Plan B", "Water is wet", "Paris", "In short", "Nothing helps", "Morning came", "Certainly", ""]
        {
            assert!(!begins_with_verb(text), "{text}");
        }
    }
}
