//! Every rule, one at a time.
