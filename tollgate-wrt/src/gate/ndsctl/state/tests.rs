use super::*;

fn client(bytes: u64) -> Client {
    Client {
        mac: "02:00:00:00:00:01".parse().unwrap(),
        ip: Ipv4Addr::new(10, 0, 0, 1),
        token: "55af0c75".to_owned(),
        state: report::State::Authenticated,
        down: bytes,
        up: 0,
        limits: None,
    }
}

/// What NDS says, counted.
fn count(state: &mut State, clients: &[Client]) {
    state.nds.meters.count(clients, true);
    state.keep();
}

#[tokio::test]
async fn what_passed_before_nds_shut_a_customer_out_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = State::new(Paths::new(directory.path()));
    let mac = client(0).mac;
    state.listed(&[]);
    state
        .allowed
        .insert(mac, Allowed::new(Limit::Bytes(1_000), 0));
    count(&mut state, &[client(400)]);
    let told = |bytes| {
        let bytes = Some(bytes);
        [Open { mac, bytes }]
    };
    assert_eq!(state.listed(&[client(400)]), told(400));
    // openNDS shuts her out at the limit and forgets her, and it is looked
    // before the keeper asks.
    count(&mut state, &[client(1_200)]);
    count(&mut state, &[]);
    state.mend(mac, &[]).await.unwrap();
    state.keep();
    assert_eq!(state.listed(&[]), told(1_200));
    // Then she is out, as far as the gate is concerned.
    assert_eq!(state.listed(&[]), []);
}

#[tokio::test]
async fn nds_is_not_asked_again_right_after_a_long_list() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = State::new(Paths::new(directory.path()));
    count(&mut state, &[client(400)]);
    state.last = Some((Instant::now(), vec![client(400)]));
    state.nds.took = Duration::from_secs(60);
    let told = [Open {
        mac: client(0).mac,
        bytes: Some(400),
    }];
    assert_eq!(state.list().await.unwrap(), told);
    assert_eq!(state.list().await.unwrap(), told);
    // There is no NDS.
    state.nds.took = Duration::ZERO;
    assert!(state.list().await.is_err());
}
