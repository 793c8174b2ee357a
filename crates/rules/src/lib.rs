//! The judge: categories as data, one rule a file, statistics, ranking.
