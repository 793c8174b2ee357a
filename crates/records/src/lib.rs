//! Records as files: submission, signatures, verification, the ledger and the leaderboard.
