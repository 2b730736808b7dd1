//! A pure interpreter for the Amazon States Language.
