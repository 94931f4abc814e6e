use super::*;

#[test]
fn a_gate_is_chosen_in_whole() {
    let settings = |lines: &str| {
        let options = format!("config tollgate 'main'\n{lines}");
        Root::new(None, Some(&options)).settings().gate
    };
    assert_eq!(settings("option gate 'none'"), GateChoice::None);
    assert_eq!(settings("option gate 'ndsctl'"), GateChoice::Ndsctl);
    let nftables = |ports: &[u16]| GateChoice::Nftables(ports.to_vec());
    assert_eq!(settings("option gate 'nftables'"), nftables(&[22, 80, 443]));
    let ports = "option gate 'nftables'\nlist open_port '8080'\nlist open_port '22'";
    assert_eq!(settings(ports), nftables(&[8080, 22]));
    let none = "option gate 'nftables'\nlist open_port '0'";
    assert_eq!(settings(none), nftables(&[]));
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
            ":2: gate `nft`; expected nftables, ndsctl, command or none",
        ),
        (
            "option gate 'none'\nlist open_port '22'",
            ":3: open_port is used by no gate",
        ),
        (
            "option gate 'nftables'\nlist open_port '99999'",
            ":3: open_port `99999`; expected a port",
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
