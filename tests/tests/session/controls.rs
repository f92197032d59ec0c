//! The controls: what is there to be found is found and traded; where labels are shuffled, nothing is.

use crate::stand::{Stand, small, table};
use bulkhead_session::SessionConfig;
use bulkhead_session::record::SessionRecord;

const SEEDS: [u64; 3] = [1, 2, 3];

/// One instrument, the model's strategy alone, and candidates that learn fast.
fn control(seed: u64, shuffled: bool) -> SessionConfig {
    let mut config = small();
    config.seed = seed;
    config.data.truncate(1);
    config.data[0].config = table(&format!(
        "seed = {seed}\nbars = 2000\nsymbols = [\"AAA\"]\nsignal = {{ planted = {{ strength = 0.3 }} }}"
    ));
    config
        .strategies
        .retain(|strategy| strategy.name == "ml-signal");
    config.strategies[0].symbols = None;
    config.validation = None;
    let model = config.models.get_mut("direction").unwrap();
    model.window = 500;
    model.refit_every = 63;
    model.min_samples = 150;
    model.judged_by = 1000;
    // Each of two candidates is judged some twenty times a session: at 95 % one in five sessions would choose
    // somebody by chance.
    model.confidence = 0.999;
    model.shuffle_labels = shuffled;
    config
}

fn chosen(record: &SessionRecord) -> u64 {
    record.models.iter().map(|model| model.chosen_bars).sum()
}

#[test]
fn a_planted_signal_is_found_and_traded_whatever_the_seed() {
    let stand = Stand::new();
    for seed in SEEDS {
        let record = stand.record(&control(seed, false));
        let model = record
            .models
            .iter()
            .find(|model| model.candidate == "linfa/logistic-regression")
            .unwrap();
        assert!(model.chosen_bars > 0, "seed {seed}: {model:?}");
        assert!(model.skill.unwrap().lower > 0.0, "seed {seed}: {model:?}");
        assert!(record.totals.fills > 10, "seed {seed}: {:?}", record.totals);
        assert!(
            record.totals.final_equity > record.starting_cash,
            "seed {seed}"
        );
    }
}

#[test]
fn shuffled_labels_teach_nothing_and_nothing_is_traded() {
    let stand = Stand::new();
    for seed in SEEDS {
        let record = stand.record(&control(seed, true));
        let judged: u64 = record.models.iter().map(|model| model.samples).sum();
        assert!(judged > 1000, "seed {seed}: {judged} labels");
        assert_eq!(chosen(&record), 0, "seed {seed}: {:?}", record.models);
        assert_eq!(record.totals.fills, 0, "seed {seed}");
        assert_eq!(record.totals.final_equity, record.starting_cash);
        for said in [
            "No model was ever eligible",
            "labels that models learnt from and were judged by were shuffled",
        ] {
            assert!(
                record.notes.iter().any(|note| note.contains(said)),
                "{said}: {:?}",
                record.notes
            );
        }
    }
}
