//! The largest and smallest of many numbers.

/// Indices of the `k` largest values, largest first. Of equal values the first counts as larger.
pub(crate) fn largest(values: &[f32], k: usize) -> Vec<usize> {
    const FEW: usize = 64;
    if k > FEW {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a])); // stable
        order.truncate(k);
        return order;
    }
    // Most values are below the smallest kept one, so this is one comparison for each.
    let mut best: Vec<usize> = Vec::with_capacity(k + 1);
    for (index, value) in values.iter().enumerate() {
        let beats = |other: usize| value.total_cmp(&values[other]).is_gt();
        if best.len() == k && !best.last().is_some_and(|&last| beats(last)) {
            continue;
        }
        let place = best.partition_point(|&other| !beats(other));
        best.insert(place, index);
        best.truncate(k);
    }
    best
}

/// Indices of the `k` smallest values, smallest first. Of equal values the first counts as smaller.
pub(crate) fn smallest(values: &[f32], k: usize) -> Vec<usize> {
    let negated: Vec<f32> = values.iter().map(|value| -value).collect();
    largest(&negated, k)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_the_ends_of_a_sorted_list(
            values in proptest::collection::vec(-3_i8..3, 0..90),
            k in 0_usize..95,
        ) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let mut sorted: Vec<usize> = (0..values.len()).collect();
            sorted.sort_by(|&a, &b| values[b].total_cmp(&values[a])); // stable
            sorted.truncate(k);
            prop_assert_eq!(largest(&values, k), sorted);
            let mut sorted: Vec<usize> = (0..values.len()).collect();
            sorted.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
            sorted.truncate(k);
            // -0 and 0 are equal to `total_cmp` on neither side, so zeros are compared as numbers.
            let numbers = |indices: &[usize]| -> Vec<f32> {
                indices.iter().map(|&index| values[index]).collect()
            };
            prop_assert_eq!(numbers(&smallest(&values, k)), numbers(&sorted));
        }
    }
}
