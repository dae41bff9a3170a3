//! The report: the same text each time, for people.

use mock_ivs_chat::explore;

use super::fragile;

#[test]
fn the_report_of_a_fragile_client() {
    let exploration = explore(fragile).in_memory().most_faults(1).run();
    insta::assert_snapshot!(exploration);
}

#[test]
fn colors_change_nothing_but_the_color() {
    let exploration = explore(fragile).in_memory().most_faults(1).run();
    let colored = exploration.colored();
    assert!(colored.contains("\x1b[1;31m✗\x1b[0m"));
    let mut plain = String::new();
    for part in colored.split('\x1b') {
        plain
            .push_str(part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |p| p.1));
    }
    assert_eq!(plain, exploration.to_string());
}
