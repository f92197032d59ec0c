//! Average cost and first in, first out, splits included.

use super::super::{CostBasis, FillEffect, Ledger, LedgerError, LineKey, Lot, SplitTerms};
use super::{books, dec, fill};
use bulkhead_domain::order::Side::{self, Buy, Sell};
use bulkhead_domain::{Decimal, Timestamp};

struct Book {
    ledger: Ledger,
    key: LineKey,
}

impl Book {
    fn new(basis: CostBasis) -> Self {
        let mut ledger = books(basis, "10000");
        let owner = ledger.owner("ema");
        let key = LineKey {
            instrument: 1,
            owner,
        };
        Book { ledger, key }
    }

    fn fill(
        &mut self,
        side: Side,
        quantity: &str,
        price: &str,
        fee: &str,
        time: i64,
    ) -> FillEffect {
        let execution = fill(1, side, quantity, price, fee, time);
        let effect = self.ledger.fill(self.key.owner, &execution, Decimal::ONE);
        self.ledger.audit().unwrap();
        effect.unwrap()
    }

    fn split(&mut self, numerator: u32, denominator: u32, close: &str) {
        let terms = SplitTerms {
            numerator,
            denominator,
            prior_close: dec(close),
            lot: Decimal::ONE,
        };
        self.ledger.split(9, 1, &terms).unwrap();
        self.ledger.audit().unwrap();
    }

    /// Opening time, quantity and price of each lot.
    fn lots(&self) -> Vec<(i64, Decimal, Decimal)> {
        let lots = self.ledger.lots(self.key);
        lots.map(|lot| (lot.opened.0, lot.quantity, lot.price()))
            .collect()
    }
}

#[test]
fn the_oldest_units_are_closed_first_or_all_at_their_average() {
    for (basis, realised, entry, left, then) in [
        (CostBasis::Fifo, "250", "103.3333333333", (2, "110"), "-50"),
        (CostBasis::Average, "225", "105", (1, "105"), "-25"),
    ] {
        let mut book = Book::new(basis);
        book.fill(Buy, "10", "100", "0", 1);
        book.fill(Buy, "10", "110", "0", 2);
        let effect = book.fill(Sell, "15", "120", "0", 3);
        assert_eq!(effect.realised, dec(realised), "{basis:?}");
        assert_eq!(effect.entry_price, Some(dec(entry)), "{basis:?}");
        assert_eq!(effect.opened, Some(Timestamp(1)));
        assert_eq!(book.lots(), [(left.0, dec("5"), dec(left.1))], "{basis:?}");
        let effect = book.fill(Sell, "5", "100", "0", 4);
        assert_eq!(effect.realised, dec(then), "{basis:?}");
        assert_eq!(book.ledger.realised(), dec("200"));
        assert!(book.lots().is_empty());
        assert_eq!(book.ledger.line(1, book.key.owner), None);
    }
}

#[test]
fn what_closes_carries_its_part_of_the_fees_of_both_ends() {
    let mut book = Book::new(CostBasis::Fifo);
    book.fill(Buy, "10", "100", "1", 1);
    book.fill(Buy, "10", "110", "2", 2);
    let sale = fill(1, Sell, "15", "120", "3", 3);
    let owner = book.key.owner;
    let (effect, closed) = book
        .ledger
        .fill_matched(owner, &sale, Decimal::ONE)
        .unwrap();
    let seen: Vec<_> = closed
        .iter()
        .map(|lot| (lot.quantity, lot.realised(), lot.entry_fees, lot.exit_fees))
        .collect();
    let row = |texts: [&str; 4]| (dec(texts[0]), dec(texts[1]), dec(texts[2]), dec(texts[3]));
    assert_eq!(
        seen,
        [row(["10", "200", "1", "2"]), row(["5", "50", "1", "1"])]
    );
    assert_eq!(effect.fee, dec("3"));
    let left: Vec<&Lot> = book.ledger.lots(book.key).collect();
    assert_eq!((left.len(), left[0].entry_fees), (1, dec("1")));
}

#[test]
fn a_short_that_turns_around_closes_every_lot_and_opens_one() {
    let mut book = Book::new(CostBasis::Fifo);
    book.fill(Sell, "10", "50", "0", 1);
    book.fill(Sell, "10", "60", "0", 2);
    assert_eq!(
        book.lots(),
        [(1, dec("-10"), dec("50")), (2, dec("-10"), dec("60"))]
    );
    let effect = book.fill(Buy, "25", "55", "0", 3);
    // Sold at 50 and bought at 55: -50. Sold at 60: +50.
    assert_eq!(effect.realised, Decimal::ZERO);
    assert_eq!(effect.closed, dec("20"));
    assert_eq!(effect.quantity, dec("5"));
    assert_eq!(book.lots(), [(3, dec("5"), dec("55"))]);
    let line = book.ledger.line(1, book.key.owner).unwrap();
    assert_eq!((line.opened, line.cost), (Timestamp(3), dec("275")));
}

#[test]
fn a_split_scales_every_lot_and_pays_the_fraction_out_of_the_oldest() {
    let mut book = Book::new(CostBasis::Fifo);
    book.fill(Buy, "5", "30", "0", 1);
    book.fill(Buy, "4", "60", "0", 2);
    // 13.5 units; the half costs 10 and is paid 20.
    book.split(3, 2, "60");
    assert_eq!(
        book.lots(),
        [(1, dec("7"), dec("20")), (2, dec("6"), dec("40"))]
    );
    assert_eq!(book.ledger.realised(), dec("10"));
    assert_eq!(book.ledger.cash(), dec("9630"));
}

#[test]
fn lots_that_do_not_divide_still_add_up_to_whole_units() {
    let mut book = Book::new(CostBasis::Fifo);
    for (time, price) in [(1, "10"), (2, "20"), (3, "30"), (4, "40")] {
        book.fill(Buy, "1", price, "0", time);
    }
    book.split(1, 3, "40");
    let quantities: Vec<Decimal> = book.lots().iter().map(|lot| lot.1).collect();
    let expected = ["0.3333333334", "0.3333333333", "0.3333333333"];
    assert_eq!(quantities, expected.map(dec));
    let line = book.ledger.line(1, book.key.owner).unwrap();
    assert_eq!((line.quantity, line.cost), (Decimal::ONE, dec("90")));
}

#[test]
fn a_split_that_leaves_less_than_a_unit_closes_the_position() {
    for basis in [CostBasis::Average, CostBasis::Fifo] {
        let mut book = Book::new(basis);
        book.fill(Sell, "3", "100", "0", 1);
        book.fill(Sell, "4", "100", "0", 2);
        book.split(1, 10, "110");
        assert_eq!(book.ledger.line(1, book.key.owner), None);
        assert_eq!(book.ledger.realised(), dec("-70"), "{basis:?}");
        assert_eq!(book.ledger.cash(), dec("9930"));
    }
}

#[test]
fn lots_too_small_to_count_go_on_as_one() {
    let mut book = Book::new(CostBasis::Fifo);
    book.fill(Buy, "0.0000000001", "100", "0", 1);
    book.fill(Buy, "9", "100", "0", 2);
    book.split(1, 9, "100");
    assert_eq!(book.lots().len(), 1);
    let line = book.ledger.line(1, book.key.owner).unwrap();
    assert_eq!(line.quantity, Decimal::ONE);
}

#[test]
fn a_fill_that_makes_no_sense_changes_nothing() {
    let mut book = Book::new(CostBasis::Fifo);
    book.fill(Buy, "10", "100", "0", 1);
    let before = (book.lots(), book.ledger.sequence(), book.ledger.cash());
    let owner = book.key.owner;
    for (quantity, price) in [("0", "1"), ("-1", "1"), ("1", "0"), ("0.00000000001", "1")] {
        let execution = fill(1, Sell, quantity, price, "0", 2);
        let refused = book.ledger.fill(owner, &execution, Decimal::ONE);
        assert!(
            matches!(refused, Err(LedgerError::Invalid { .. })),
            "{quantity} {price}"
        );
    }
    let absurd = fill(1, Sell, "1000000000", "1000000000", "0", 2);
    let refused = book.ledger.fill(owner, &absurd, Decimal::ONE);
    assert!(matches!(refused, Err(LedgerError::Overflow { .. })));
    let mut nowhere = fill(1, Sell, "1", "100", "1", 2);
    nowhere.fee_currency = String::new();
    let refused = book.ledger.fill(owner, &nowhere, Decimal::ONE);
    assert!(matches!(refused, Err(LedgerError::Invalid { .. })));
    assert_eq!(
        before,
        (book.lots(), book.ledger.sequence(), book.ledger.cash())
    );
    book.ledger.audit().unwrap();
}

#[test]
fn the_proceeds_of_an_open_short_sale_cannot_be_spent() {
    for basis in [CostBasis::Average, CostBasis::Fifo] {
        let mut book = Book::new(basis);
        book.fill(Sell, "10", "50", "0", 1);
        assert_eq!(book.ledger.cash(), dec("10500"));
        assert_eq!(book.ledger.spendable_cash(), dec("10000"));
        book.fill(Buy, "4", "40", "0", 2);
        assert_eq!(book.ledger.cash(), dec("10340"));
        assert_eq!(book.ledger.spendable_cash(), dec("10040"));
        book.fill(Buy, "6", "60", "0", 3);
        assert_eq!(book.ledger.spendable_cash(), book.ledger.cash());
    }
}

#[test]
fn what_is_not_yet_realised_is_value_less_cost() {
    let mut book = Book::new(CostBasis::Fifo);
    book.fill(Sell, "10", "50", "1", 1);
    assert_eq!(
        book.ledger.unrealised(book.key, dec("47.5")),
        Some(dec("25"))
    );
    book.fill(Buy, "10", "50", "1", 2);
    assert_eq!(
        book.ledger.unrealised(book.key, dec("47.5")),
        Some(Decimal::ZERO)
    );
}
