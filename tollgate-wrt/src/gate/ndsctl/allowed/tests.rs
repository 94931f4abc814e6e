use super::*;
use crate::gate::ndsctl::report::{Limits, State};

fn client(limits: Option<Limits>) -> Client {
    Client {
        mac: "02:00:00:00:00:01".parse().unwrap(),
        ip: [10, 0, 0, 1].into(),
        token: "1".to_owned(),
        state: State::Authenticated,
        down: 1_000_000,
        up: 0,
        limits,
    }
}

fn time(end: u64) -> Option<Limits> {
    Some(Limits {
        end: Some(now() + end),
        ..Limits::default()
    })
}

fn bytes(down: u64, up: u64) -> Option<Limits> {
    Some(Limits {
        down: Some(down),
        up: Some(up),
        ..Limits::default()
    })
}

#[test]
fn what_opennds_is_told_is_enough() {
    let of = |limit| arguments(&Allowed::new(limit, 70), 70).join(" ");
    assert_eq!(of(Limit::Time(Duration::from_secs(59))), "1 0 0 0 0");
    assert_eq!(of(Limit::Time(Duration::from_millis(61_500))), "2 0 0 0 0");
    assert_eq!(of(Limit::Bytes(1)), "0 0 0 1 1");
    assert_eq!(of(Limit::Bytes(5_000_000)), "0 0 0 4883 4883");
    let used = Allowed::new(Limit::Bytes(5_000_000), 70);
    assert_eq!(arguments(&used, 5_000_069).join(" "), "0 0 0 1 1");
    assert!(!used.is_over(5_000_069) && used.is_over(5_000_070));
    assert!(Allowed::new(Limit::Time(Duration::ZERO), 0).is_over(0));
}

#[test]
fn what_was_told_is_not_renewed() {
    let hour = Allowed::new(Limit::Time(Duration::from_secs(3600)), 0);
    assert!(!hour.is_due(&client(time(3660)), 0, 0));
    assert!(!hour.is_due(&client(None), 0, 0));
    assert!(!hour.is_due(&client(bytes(2_000_000, 2_000_000)), 0, 0));
    let megabytes = Allowed::new(Limit::Bytes(10_000_000), 1_000_000);
    assert!(!megabytes.is_due(&client(bytes(11_000_320, 11_000_320)), 1_000_000, 0));
    // Two thirds came down and one went up.
    let mut half = client(bytes(11_000_320, 11_000_320));
    (half.down, half.up) = (5_000_000, 2_000_000);
    assert!(!megabytes.is_due(&half, 7_000_000, 0));
}

#[test]
fn a_top_up_is_renewed_when_nobody_notices_or_soon() {
    let hour = Allowed::new(Limit::Time(Duration::from_secs(3600)), 0);
    assert!(hour.is_due(&client(time(600)), 0, 0), "idle");
    assert!(!hour.is_due(&client(time(600)), 0, 5_000), "busy");
    assert!(hour.is_due(&client(time(10)), 0, 5_000), "soon");
    let megabytes = Allowed::new(Limit::Bytes(10_000_000), 1_000_000);
    let told = client(bytes(6_000_000, 6_000_000));
    assert!(megabytes.is_due(&told, 1_000_000, 0), "idle");
    assert!(!megabytes.is_due(&told, 1_000_000, 900_000), "busy");
    assert!(megabytes.is_due(&told, 1_000_000, 1_100_000), "soon");
}

#[test]
fn what_another_daemon_told_is_adopted() {
    let adopted = Allowed::adopt(&client(bytes(6_000_000, 7_000_000)), 50);
    assert!(!adopted.is_over(5_000_049) && adopted.is_over(5_000_050));
    let adopted = Allowed::adopt(&client(time(100)), 50);
    assert!(!adopted.is_over(u64::MAX));
    assert!(Allowed::adopt(&client(time(0)), 50).is_over(50));
    // NoDogSplash has no limits.
    let adopted = Allowed::adopt(&client(None), 50);
    assert!(!adopted.is_over(u64::MAX));
}
