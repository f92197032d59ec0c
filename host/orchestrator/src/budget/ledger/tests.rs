//! Budgets to their limits.

use super::*;
use proptest::prelude::*;

fn amount(calls: u64, tokens: u64, money: i64) -> Amount {
    Amount {
        calls,
        tokens,
        money: Decimal::new(money, 2),
    }
}

fn ledger() -> Ledger {
    let limits = |calls, tokens, money| Limits {
        calls: Some(calls),
        tokens: Some(tokens),
        money: Some(Decimal::new(money, 2)),
    };
    Ledger::new(BTreeMap::from([
        ("class".to_owned(), limits(20, 1_000, 500)),
        ("a".to_owned(), limits(9, 900, 300)),
        ("b".to_owned(), limits(15, 400, 900)),
    ]))
}

fn accounts(name: &str) -> Vec<String> {
    vec![name.to_owned(), "class".to_owned()]
}

#[test]
fn a_denial_says_what_was_observed_and_the_limit_and_books_nothing() {
    let mut ledger = ledger();
    let _ = ledger.reserve(&accounts("a"), amount(1, 600, 100), Timestamp(0));
    let denied = ledger
        .reserve(&accounts("b"), amount(1, 401, 0), Timestamp(0))
        .unwrap_err();
    assert_eq!(
        denied.to_string(),
        "the budget of b has 400 tokens a day; 0 are used or reserved and 401 more were asked for"
    );
    let denied = ledger
        .reserve(&accounts("a"), amount(1, 0, 201), Timestamp(0))
        .unwrap_err();
    assert_eq!(
        (denied.resource, denied.observed),
        (Resource::Money, Decimal::ONE)
    );
    assert_eq!(ledger.used("class", Timestamp(0)), amount(1, 600, 100));
}

#[test]
fn a_new_day_is_a_new_budget_and_a_late_settlement_belongs_to_the_old_one() {
    let mut ledger = ledger();
    let (evening, morning) = (Timestamp(DAY - 1), Timestamp(DAY));
    let held = ledger
        .reserve(&accounts("a"), amount(9, 0, 0), evening)
        .unwrap();
    assert!(
        ledger
            .allows(&accounts("a"), amount(1, 0, 0), evening)
            .is_err()
    );
    assert!(
        ledger
            .allows(&accounts("a"), amount(9, 0, 0), morning)
            .is_ok()
    );
    ledger.settle(&held, amount(3, 0, 0));
    assert_eq!(ledger.used("a", evening).calls, 3);
    assert_eq!(ledger.used("a", morning).calls, 0);
    ledger.forget_before(morning);
    assert_eq!(ledger.used("a", evening).calls, 0);
    assert_eq!(day_of(Timestamp(-1)), -1, "before 1970 too");
}

#[test]
fn what_was_used_beyond_the_reservation_is_said_and_counts() {
    let mut ledger = ledger();
    let held = ledger
        .reserve(&accounts("a"), amount(1, 10, 5), Timestamp(0))
        .unwrap();
    let overrun = ledger.settle(&held, amount(1, 900, 5)).unwrap();
    assert_eq!(
        (overrun.resource, overrun.used),
        (Resource::Tokens, Decimal::from(900))
    );
    assert!(
        ledger
            .allows(&accounts("a"), amount(1, 1, 0), Timestamp(0))
            .is_err()
    );
}

proptest! {
    #[test]
    fn no_limit_is_passed_under_any_interleaving(
        steps in proptest::collection::vec(
            (any::<bool>(), any::<bool>(), 1u64..4, 0u64..300, -50i64..150, 0u64..101, any::<prop::sample::Index>()),
            1..120,
        )
    ) {
        let mut ledger = ledger();
        let mut held = Vec::new();
        // What was reserved or, once settled, used, by account.
        let mut booked: Vec<(String, Amount)> = Vec::new();
        for (settle, to_a, calls, tokens, money, share, which) in steps {
            let asked = amount(calls, tokens, money);
            if settle && !held.is_empty() {
                let (reservation, reserved): (Reservation, Amount) = held.swap_remove(which.index(held.len()));
                let used = Amount {
                    calls: reserved.calls * share / 100,
                    tokens: reserved.tokens * share / 100,
                    money: reserved.money.max(Decimal::ZERO) * Decimal::from(share) / Decimal::from(100),
                };
                prop_assert_eq!(ledger.settle(&reservation, used), None);
                let place = booked.iter().position(|(account, amount)| *account == reservation.accounts[0] && *amount == reserved).unwrap();
                booked[place].1 = used;
            } else if let Ok(reservation) = ledger.reserve(&accounts(if to_a { "a" } else { "b" }), asked, Timestamp(5)) {
                booked.push((reservation.accounts[0].clone(), asked));
                held.push((reservation, asked));
            }
            for (name, calls, tokens, money) in [("a", 9, 900, 300), ("b", 15, 400, 900), ("class", 20, 1_000, 500)] {
                let total = booked.iter().filter(|(account, _)| account == name || name == "class")
                    .fold(Amount::default(), |sum, (_, amount)| sum.plus(*amount));
                prop_assert_eq!(ledger.used(name, Timestamp(5)), total);
                prop_assert!(total.calls <= calls && total.tokens <= tokens && total.money <= Decimal::new(money, 2));
            }
        }
    }
}
