# Ecash for the daemon's bench, made with nutshell's own cryptography: for each
# payment a token of 21 sat (pieces of 1, 4 and 16), and as many bodies of swaps
# of the same shape, which ask the mint for what the daemon asks it for.
#
# python wallet.py MINT COUNT
import base64, json, os, sys, time, urllib.request

from cashu.core.crypto.b_dhke import step1_alice, step3_alice
from cashu.core.crypto.secp import PublicKey

MINT, COUNT = sys.argv[1], int(sys.argv[2])
AMOUNTS = [1, 4, 16]


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(MINT + path, data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def point(text):
    return PublicKey(bytes.fromhex(text))


keyset = ask("/v1/keys")["keysets"][0]
keys = {int(amount): point(key) for amount, key in keyset["keys"].items()}


def blind(amount):
    secret = os.urandom(32).hex()
    blinded, r = step1_alice(secret)
    text = blinded.format().hex() if hasattr(blinded, "format") else blinded.serialize().hex()
    return secret, r, {"amount": amount, "id": keyset["id"], "B_": text}


def mint(count):
    """`count` lots of AMOUNTS, as proofs."""
    lots = []
    while count > 0:
        now = min(count, 100)
        count -= now
        made = [blind(amount) for _ in range(now) for amount in AMOUNTS]
        wanted = {"amount": now * sum(AMOUNTS), "unit": "sat"}
        quote = ask("/v1/mint/quote/bolt11", wanted)["quote"]
        while ask("/v1/mint/quote/bolt11/" + quote)["state"] != "PAID":
            time.sleep(0.05)
        outputs = [output for _, _, output in made]
        signed = ask("/v1/mint/bolt11", {"quote": quote, "outputs": outputs})["signatures"]
        proofs = []
        for (secret, r, output), signature in zip(made, signed):
            c = step3_alice(point(signature["C_"]), r, keys[output["amount"]])
            text = c.format().hex() if hasattr(c, "format") else c.serialize().hex()
            proofs.append({"amount": output["amount"], "id": keyset["id"], "secret": secret, "C": text})
        lots += [proofs[at : at + len(AMOUNTS)] for at in range(0, len(proofs), len(AMOUNTS))]
    return lots


lots = mint(2 * COUNT)
for proofs in lots[:COUNT]:
    token = {"token": [{"mint": MINT, "proofs": proofs}], "unit": "sat"}
    print("cashuA" + base64.urlsafe_b64encode(json.dumps(token).encode()).decode())
for proofs in lots[COUNT:]:
    print(json.dumps({"inputs": proofs, "outputs": [blind(amount)[2] for amount in AMOUNTS]}))
