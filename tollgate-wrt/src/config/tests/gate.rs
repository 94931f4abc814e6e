use super::*;

#[test]
fn a_gate_is_chosen_in_whole() {
    let settings = |lines: &str| {
        let options = format!("config tollgate 'main'\n{lines}");
        Root::new(None, Some(&options)).settings().gate
    };
    assert_eq!(settings("option gate 'none'"), GateChoice::None);
    let error = |lines: &str| {
        let options = format!("config tollgate 'main'\n{lines}");
        load(&Root::new(None, Some(&options)).paths())
            .unwrap_err()
            .0[0]
            .to_string()
    };
    for (lines, expected) in [
        (
            "option gate 'command'",
            ":2: gate `command` without a program",
        ),
        (
            "option gate_command '/x'",
            ":2: gate_command is used by no gate",
        ),
        (
            "option gate 'none'\noption gate_command '/x'",
            ":3: gate_command is used by no gate",
        ),
        (
            "option gate 'nft'",
            ":2: gate `nft`; expected command or none",
        ),
        (
            "option gate_command 'x'",
            ":2: gate_command `x`; expected the path",
        ),
    ] {
        let error = error(lines);
        assert!(error.contains(expected), "{error}");
    }
}
