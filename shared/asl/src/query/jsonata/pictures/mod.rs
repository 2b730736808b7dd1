//! Pictures: how numbers and times are written and read, after XPath and XQuery Functions and Operators 3.1.

pub(super) mod calendar;
pub(super) mod date;
pub(super) mod date_parser;
pub(super) mod integer;
pub(super) mod number;
pub(super) mod words;
