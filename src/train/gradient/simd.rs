//! Loops compiled once for each instruction set.

/// Compiles a function for what the target guarantees, for AVX2 with fused multiply-add and for AVX-512, and calls the
/// best that the processor has. All compilations have the same floating-point operations in the same order.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::inline_always, clippy::too_many_arguments)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                    // SAFETY: the features that the function is compiled for were just detected.
                    #[allow(unsafe_code)]
                    return unsafe { avx512($($arg),*) };
                }
                // SAFETY: as above.
                #[allow(unsafe_code)]
                return unsafe { avx2($($arg),*) };
            }
            body($($arg),*)
        }
    };
}

pub(super) use vectorised;
