//! Rotary position embedding (arXiv:2104.09864): pairs `(x[i], x[i + half])` turned by an angle of their own.

use crate::work::by_rows;

/// Turns every head of `x`, `[tokens, heads, head_dim]`, by the angles whose cosine and sine are `[tokens, half]`; what lies
/// behind `2 half` in a head stays. `back` turns the other way, which is the gradient.
pub(crate) fn rotate(
    x: &[f32],
    [tokens, heads, head_dim]: [usize; 3],
    [cos, sin]: [&[f32]; 2],
    back: bool,
) -> Vec<f32> {
    let half = cos.len().checked_div(tokens).unwrap_or(0);
    assert!(2 * half <= head_dim && cos.len() == sin.len() && x.len() == tokens * heads * head_dim);
    let sign = if back { -1.0 } else { 1.0 };
    by_rows(x.len(), heads * head_dim, 4, |first, y| {
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
                let (b, stay) = rest.split_at(half);
                let (ya, rest) = y.split_at_mut(half);
                let (yb, ystay) = rest.split_at_mut(half);
                for i in 0..half {
                    let sin = sign * sin[i];
                    ya[i] = a[i] * cos[i] - b[i] * sin;
                    yb[i] = b[i] * cos[i] + a[i] * sin;
                }
                ystay.copy_from_slice(stay);
            }
        }
    })
}
