use super::*;
use proptest::prelude::*;

fn spans(ends: &[usize]) -> Vec<Span> {
    let span = |(decision, length): (usize, &usize)| Span {
        decision,
        end: decision + 1 + length,
    };
    ends.iter().enumerate().map(span).collect()
}

fn leaks(spans: &[Span], fold: &Fold) -> bool {
    fold.train
        .iter()
        .any(|a| fold.test.iter().any(|b| spans[*a].overlaps(&spans[*b])))
}

#[test]
fn a_hand_made_walk_forward_is_purged_by_the_labels_actual_ends() {
    // 60 samples of length 1, but the one at 37 looks far ahead.
    let mut lengths = vec![1; 60];
    lengths[37] = 20;
    let spans = spans(&lengths);
    let scheme = "walk-forward:2,anchored,40".parse().unwrap();
    let folds = split(&spans, &scheme, Embargo::Bars(0)).unwrap();
    // 39 ends in bar 41, 37 in 58: both after the decision on 40. 38 is known at that decision.
    let expected: Vec<usize> = (0..39).filter(|it| *it != 37).collect();
    assert_eq!(folds[0].train, expected);
    assert_eq!(
        (folds[0].dropped, folds[0].test.clone()),
        (2, (40..50).collect())
    );
    assert!(!folds[1].train.contains(&37), "it ends after bar 50 too");
    let rolling = "walk-forward:2,rolling,40".parse().unwrap();
    let folds = split(&spans, &rolling, Embargo::Bars(3)).unwrap();
    assert_eq!(folds[1].train.first(), Some(&10));
    assert_eq!(folds[1].train.last(), Some(&45), "48 less an embargo of 3");
}

#[test]
fn a_hand_made_cpcv_purges_both_sides_and_keeps_the_embargo_after_a_test() {
    let spans = spans(&vec![2; 60]);
    let folds = split(&spans, &"cpcv:3,1".parse().unwrap(), Embargo::Bars(4)).unwrap();
    // The middle group decides on 20..40; its labels end by 42.
    let train: Vec<usize> = (0..18).chain(46..60).collect();
    assert_eq!(folds[1].train, train);
    assert_eq!(folds[1].test, (20..40).collect::<Vec<_>>());
    assert_eq!(folds[1].dropped, 8);
}

#[test]
fn paths_go_through_every_group_of_every_fold_once() {
    let spans = spans(&vec![1; 120]);
    let folds = split(&spans, &"cpcv:6,2".parse().unwrap(), Embargo::Bars(0)).unwrap();
    assert_eq!(folds.len(), 15);
    let paths = paths(&folds);
    assert_eq!(paths.len(), 5, "C(6,2) * 2 / 6");
    let mut used: Vec<(usize, usize)> = paths
        .iter()
        .flatten()
        .map(|it| (it.fold, it.group.number))
        .collect();
    assert!(paths.iter().all(|path| path.len() == 6));
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 30);
}

#[test]
fn what_cannot_be_split_says_so() {
    let spans = spans(&vec![1; 40]);
    let refused = |scheme: &str| {
        let scheme: Result<Scheme, _> = scheme.parse();
        let split = scheme.and_then(|scheme| split(&spans, &scheme, Embargo::Bars(0)));
        split.unwrap_err().to_string()
    };
    assert!(refused("walk-forward:10").contains("40 samples are too few"));
    assert!(refused("cpcv:4,2").contains("keeps "));
    assert!(refused("cpcv:2,2").contains("no way to split"));
    assert!(refused("cpcv:50,25").contains("more than 1000 folds"));
    assert!(refused("k-fold:5").contains("write walk-forward"));
    assert!("100%".parse::<Embargo>().is_err());
    assert!(Embargo::Bars(40).bars(40).is_err());
    assert_eq!(Embargo::Fraction(0.01).bars(150).unwrap(), 2);
}

proptest! {
    #[test]
    fn walk_forward_leaks_nothing_and_tests_all_after_the_warm_up_once(
        lengths in prop::collection::vec(0usize..12, 150..300),
        folds in 1usize..6,
        anchored: bool,
        embargo in 0usize..10,
    ) {
        let spans = spans(&lengths);
        let train = Some(80);
        let scheme = Scheme::WalkForward { folds, anchored, train };
        let folds = split(&spans, &scheme, Embargo::Bars(embargo)).unwrap();
        for fold in &folds {
            prop_assert!(!leaks(&spans, fold));
            let first = spans[fold.test[0]].decision;
            prop_assert!(fold.train.iter().all(|it| spans[*it].end + embargo <= first));
        }
        let tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        prop_assert_eq!(tested, (80..spans.len()).collect::<Vec<_>>());
    }

    #[test]
    fn cpcv_leaks_nothing_and_tests_each_sample_equally_often(
        lengths in prop::collection::vec(0usize..4, 300..400),
        groups in 3usize..7,
        tested in 1usize..3,
        embargo in 0usize..6,
    ) {
        let spans = spans(&lengths);
        let scheme = Scheme::Cpcv { groups, tested };
        let folds = split(&spans, &scheme, Embargo::Bars(embargo)).unwrap();
        prop_assert_eq!(Some(folds.len()), scheme.folds());
        let mut times = vec![0; spans.len()];
        for fold in &folds {
            prop_assert!(!leaks(&spans, fold));
            for index in &fold.test {
                times[*index] += 1;
            }
            for group in &fold.groups {
                let end = group.samples.clone().map(|it| spans[it].end).max().unwrap();
                let embargoed = |it: &usize| (end..end + embargo).contains(&spans[*it].decision);
                prop_assert!(!fold.train.iter().any(embargoed));
            }
            prop_assert_eq!(fold.train.len() + fold.test.len() + fold.dropped, spans.len());
        }
        let expected = tested * folds.len() / groups;
        prop_assert!(times.iter().all(|it| *it == expected));
        prop_assert_eq!(paths(&folds).len(), expected);
    }
}

#[test]
fn an_embargo_is_said_as_it_is_written() {
    for text in ["5", "1%", "2.5%"] {
        assert_eq!(text.parse::<Embargo>().unwrap().to_string(), text);
    }
}
