//! Rotary position embedding (arXiv:2104.09864), with pairs `(x[i], x[i + half])` ("rotate half").

use crate::parallel::par_fill_rows;

/// Rotates every head of `x`. The components from `2 half` on do not change.
///
/// `inverse` rotates by the negative angles, which gives the gradient.
///
/// # Shapes
///
/// - `x` and output: `[tokens, heads, head_dim]`
/// - `cos`, `sin`: `[tokens, half]`, with `2 half <= head_dim`
pub(crate) fn rotate(
    x: &[f32],
    [tokens, heads, head_dim]: [usize; 3],
    [cos, sin]: [&[f32]; 2],
    inverse: bool,
) -> Vec<f32> {
    let half = cos.len().checked_div(tokens).unwrap_or(0);
    assert_eq!(
        x.len(),
        tokens * heads * head_dim,
        "x must be [tokens, heads, head_dim]"
    );
    assert!(
        cos.len() == tokens * half && sin.len() == cos.len() && 2 * half <= head_dim,
        "cos and sin must be [tokens, half], with 2 half <= head_dim"
    );
    let direction = if inverse { -1.0 } else { 1.0 };
    par_fill_rows(x.len(), heads * head_dim, 4, |first, y| {
        let width = heads * head_dim;
        let x = &x[first * width..][..y.len()];
        for (token, (x, y)) in x
            .chunks_exact(width)
            .zip(y.chunks_exact_mut(width))
            .enumerate()
        {
            let (cos, sin) = (
                &cos[(first + token) * half..][..half],
                &sin[(first + token) * half..][..half],
            );
            for (x, y) in x.chunks_exact(head_dim).zip(y.chunks_exact_mut(head_dim)) {
                let (a, rest) = x.split_at(half);
                let (b, unchanged) = rest.split_at(half);
                let (ya, rest) = y.split_at_mut(half);
                let (yb, y_rest) = rest.split_at_mut(half);
                for i in 0..half {
                    let sin = direction * sin[i];
                    ya[i] = a[i] * cos[i] - b[i] * sin;
                    yb[i] = b[i] * cos[i] + a[i] * sin;
                }
                y_rest.copy_from_slice(unchanged);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{EPS, bits, noise, with_threads};

    fn angles(seed: u64, len: usize) -> [Vec<f32>; 2] {
        let angles = noise(seed, len);
        [f32::cos, f32::sin].map(|f| angles.iter().map(|x| f(x * 50.0)).collect())
    }

    proptest! {
        /// A rotation is within `2 eps (|a| + |b|)` of the one in f64, and its inverse within as
        /// much again. `<rotate(x), y> = <x, inverse(y)>`, which makes the inverse the gradient.
        #[test]
        fn rotations_agree_with_f64_and_are_inverted(
            [tokens, heads, half, rest] in [1usize..9, 1..4, 1..20, 0..4],
            seed in 0u64..1000,
        ) {
            let shape = [tokens, heads, 2 * half + rest];
            let [x, y] = [seed, seed + 1].map(|seed| noise(seed, shape.iter().product()));
            let [cos, sin] = angles(seed + 2, tokens * half);
            let rotated = rotate(&x, shape, [&cos, &sin], false);
            let restored = rotate(&rotated, shape, [&cos, &sin], true);
            let gradient = rotate(&y, shape, [&cos, &sin], true);
            for (index, &got) in rotated.iter().enumerate() {
                let (token, i) = (index / (heads * shape[2]), index % shape[2]);
                if i >= 2 * half {
                    prop_assert_eq!([got, restored[index]], [x[index]; 2]);
                    continue;
                }
                let place = token * half + i % half;
                let (cos, sin) = (f64::from(cos[place]), f64::from(sin[place]));
                let own = f64::from(x[index]);
                let other = if i < half {
                    -f64::from(x[index + half])
                } else {
                    x[index - half].into()
                };
                let bound = 2.0 * EPS * (own.abs() + other.abs());
                prop_assert!((f64::from(got) - (own * cos + other * sin)).abs() <= bound);
                // cos^2 + sin^2 is 1 within 2 eps.
                prop_assert!((f64::from(restored[index]) - own).abs() <= 3.0 * bound);
            }
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let difference = dot(&rotated, &y) - dot(&x, &gradient);
            prop_assert!(difference.abs() <= 4.0 * EPS * x.len() as f64);
        }
    }

    #[test]
    fn tokens_do_not_depend_on_others_nor_on_threads() {
        let [tokens, heads, dim] = [301, 7, 20];
        let x = noise(1, tokens * heads * dim);
        let [cos, sin] = angles(2, tokens * 10);
        let compute = || rotate(&x, [tokens, heads, dim], [&cos, &sin], false);
        let alone = with_threads(1, compute);
        assert!(
            [2, 3]
                .into_iter()
                .all(|threads| bits(&with_threads(threads, compute)) == bits(&alone))
        );
        let own = 123 * heads * dim..124 * heads * dim;
        let token = rotate(
            &x[own.clone()],
            [1, heads, dim],
            [&cos[1230..1240], &sin[1230..1240]],
            false,
        );
        assert_eq!(bits(&token), bits(&alone[own]));
    }
}
