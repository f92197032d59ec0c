//! A broker that moves from instance to instance, whatever its configuration.

use super::scenarios::{Played, instruments_of, paper_with};
use super::*;
use bulkhead_sdk::order;
use bulkhead_venue::testkit::{Command, Driver, Scenario, Shape, play};

/// Moves to a fresh instance before every call whose number is a multiple of `every`.
struct Moving {
    played: Played,
    instruments: Vec<Instrument>,
    every: u32,
    calls: u32,
}

impl Moving {
    fn go(&mut self) -> &mut Played {
        self.calls += 1;
        if self.calls.is_multiple_of(self.every) {
            let saved = self.played.0.save().unwrap();
            let mut heir = Paper::new(self.played.0.config.clone(), &self.instruments).unwrap();
            heir.restore(&saved).unwrap();
            self.played = Played(heir);
        }
        &mut self.played
    }
}

impl Driver for Moving {
    fn submit(&mut self, order: &Order, now: Timestamp) -> Result<(), String> {
        self.go().submit(order, now)
    }

    fn replace(
        &mut self,
        account: &str,
        change: &order::Replacement,
        now: Timestamp,
    ) -> Result<(), String> {
        self.go().replace(account, change, now)
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), String> {
        self.go().cancel(account, client_order_id)
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String> {
        self.go().advance(steps)
    }

    fn finish(&mut self, time: Timestamp) -> Vec<OrderUpdate> {
        self.go().finish(time)
    }
}

/// A scenario; of every third seed, with a second account.
fn scenario(seed: u64) -> Scenario {
    let shape = Shape {
        instruments: 3,
        turns: 40,
        commands: 5,
        actions: true,
    };
    let mut scenario = Scenario::generate(seed, shape);
    for turn in &mut scenario.turns {
        for command in &mut turn.commands {
            if let Command::Submit(order) = command
                && seed.is_multiple_of(3)
                && order.client_order_id.ends_with(['0', '2', '4', '6', '8'])
            {
                "second".clone_into(&mut order.account);
            }
        }
    }
    scenario
}

/// Everything on.
fn troubled(seed: u64) -> Config {
    let account = |id: &str| AccountConfig {
        id: id.to_owned(),
        currency: "USD".to_owned(),
        cash: 100_000.into(),
    };
    let accounts = if seed.is_multiple_of(3) {
        vec![account("paper"), account("second")]
    } else {
        Vec::new()
    };
    Config {
        accounts,
        margin_multiple: Decimal::TWO.into(),
        enforce_margin: true,
        maintenance_margin: dec("0.4").into(),
        short_borrow_rate: dec("0.5").into(),
        cash_interest_rate: dec("0.03").into(),
        hard_to_borrow: vec!["I3".to_owned()],
        faults: Faults {
            seed,
            latency: 1_000_000_000,
            latency_jitter: 7_200_000_000_000,
            latency_bars: (seed % 2) as u32,
            partial_fills: 0.3,
            rejects: 0.05,
            ambiguous: 0.1,
            stale_quotes: 0.1,
            disconnects: 0.05,
            disconnect_advances: 3,
            requests_per_minute: 3,
        },
        ..Config::default()
    }
}

type Asked = (Account, Vec<Position>, Vec<OpenOrder>, ExecutionPage);

/// All that can be asked of every account.
fn asked(paper: &mut Paper) -> Vec<Asked> {
    let accounts = paper.accounts().unwrap();
    let of = |account: Account| {
        let positions = paper.positions(&account.id).unwrap();
        let open = paper.open_orders(&account.id).unwrap();
        let executions = paper.executions(&account.id, "").unwrap();
        (account, positions, open, executions)
    };
    accounts.into_iter().map(of).collect()
}

#[test]
fn an_instance_that_goes_on_from_a_snapshot_answers_as_one_that_never_stopped() {
    let (mut fills, mut fees) = (0, Decimal::ZERO);
    for seed in 0..60 {
        let scenario = scenario(seed);
        let mut straight = paper_with(&scenario, troubled(seed));
        let mut moving = Moving {
            played: paper_with(&scenario, troubled(seed)),
            instruments: instruments_of(&scenario),
            every: 1 + (seed % 4) as u32,
            calls: 0,
        };
        assert_eq!(
            play(&scenario, &mut straight).unwrap(),
            play(&scenario, &mut moving).unwrap(),
            "seed {seed}"
        );
        let after = asked(&mut straight.0);
        assert_eq!(after, asked(&mut moving.played.0), "seed {seed}");
        fills += after
            .iter()
            .map(|(.., page)| page.executions.len())
            .sum::<usize>();
        fees += straight.0.state.ledgers[0].carry.borrow_fees;
    }
    assert!(fills > 500, "{fills}");
    assert!(fees > Decimal::ZERO, "nothing was borrowed");
}

#[test]
fn a_state_moves_under_the_whole_configuration_only() {
    let instruments = [Instrument::us_equity(0, "AAPL")];
    let paper = |config: &str| Paper::new(parse(config).unwrap(), &instruments).unwrap();
    let saved = paper("{}").save().unwrap();
    for other in [
        r#"{"faults": {"seed": 1}}"#,
        r#"{"short-borrow-rate": 0.01}"#,
        r#"{"accounts": [{"id": "paper", "currency": "USD", "cash": 100000}]}"#,
    ] {
        let reason = paper(other).restore(&saved).unwrap_err();
        assert!(reason.contains("configuration"), "{other}: {reason}");
    }
    paper("{}").restore(&saved).unwrap();
}
