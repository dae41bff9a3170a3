//! What the tests share: clients, and where snapshots go.
