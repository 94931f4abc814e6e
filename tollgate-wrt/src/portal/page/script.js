// What is live in a page that works without this: usage, the state of an
// invoice, copying, scanning. Only what old phones' windows know.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const words = JSON.parse(document.querySelector("main").dataset.words);
  const isRtl = document.documentElement.dir === "rtl";
  const show = (id, isShown) => { $(id).hidden = !isShown; };

  // As units.rs does.
  const say = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, key) =>
    isRtl ? "\u2068" + values[key] + "\u2069" : values[key]);
  const bytes = (number) => {
    const units = [["bytes-tb", 1e12], ["bytes-gb", 1e9], ["bytes-mb", 1e6]];
    const [name, unit] = units.find((unit) => number >= unit[1]) || ["bytes-kb", 1e3];
    const whole = Math.floor(number / unit);
    const tenth = Math.floor((number % unit) / (unit / 10));
    const isFine = whole > 0 && whole < 10 && tenth > 0 && unit > 1e3;
    return say(name, { n: isFine ? whole + words.decimal + tenth : String(whole) });
  };
  const time = (number) => {
    const seconds = Math.floor(number / 1e3), minutes = Math.floor(seconds / 60);
    if (seconds < 60) return say("seconds", { n: seconds });
    if (minutes < 60) return say("minutes", { n: minutes });
    if (minutes % 60 === 0) return say("full-hours", { n: minutes / 60 });
    return say("hours", { h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, "0") });
  };
  const amount = (metric, number) => (metric === "bytes" ? bytes : time)(number);

  // Asks again and again, while somebody looks; never twice at once.
  const poll = (pause, ask) => {
    const next = async () => {
      if (!document.hidden) {
        try { await ask(); } catch (_) { /* The Wi-Fi is away for a moment. */ }
      }
      setTimeout(next, pause);
    };
    setTimeout(next, pause);
    document.addEventListener("visibilitychange", () => document.hidden || ask().catch(() => {}));
  };
  const get = async (path) => {
    const answer = await fetch(path, { cache: "no-store" });
    return answer.ok ? answer.json() : Promise.reject(answer.status);
  };

  // The customer's session.
  const status = $("status");
  if (status && "live" in status.dataset) {
    let last = status.classList[2];
    const set = (state, note) => {
      if (state === last) return;
      last = state;
      status.className = "card status " + state;
      const name = { on: "online", low: "low", over: "over" }[state];
      $("state").textContent = $("said").textContent = words[name];
      $("note").textContent = note;
      // What the page began with is said.
      if ($("result")) show("result", false);
      document.title = words[name] + " ·" + document.title.split("·").pop();
    };
    const look = async () => {
      const session = await get("../balance");
      if (session.session_active && session.waiting) {
        // Paid, and the gate is not open: the server has a page for that.
        location.replace("./?lang=" + document.documentElement.lang);
      } else if (session.session_active) {
        const { metric, remaining, allotment, usage } = session;
        $("left").textContent = say("left", { amount: amount(metric, remaining) });
        $("used").textContent = say("used", { used: amount(metric, usage), total: amount(metric, allotment) });
        $("bar").value = Math.floor((remaining / allotment) * 1000);
        show("meter", true);
        const isLow = remaining < Math.floor(allotment / 10);
        set(isLow ? "low" : "on", isLow ? words["low-note"] : "");
      } else if (last === "on" || last === "low") {
        show("meter", false);
        set("over", words["over-note"]);
      }
    };
    // What this page shows by itself needs no button.
    if ($("refresh")) show("refresh", false);
    poll(3000, look);
  }

  // An invoice.
  const wait = $("wait");
  if (wait) {
    poll(2000, async () => {
      const invoice = await get("../ln-invoice?quote=" + wait.dataset.quote)
        // It is given up: the page says so.
        .catch((status) => status === 404 ? location.reload() : Promise.reject(status));
      if (invoice && invoice.access_granted) location.replace(wait.dataset.home);
    });
    // Nobody is to pay it when it can be paid no more. Timers end at 24 days.
    if (wait.dataset.left) setTimeout(() => location.reload(), wait.dataset.left * 1000 + 500);
    const copy = $("copy"), text = $("invoice");
    copy.hidden = false;
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(text.value);
      } catch (_) {
        // Pages without https have no clipboard.
        text.select();
        document.execCommand("copy");
        copy.focus();
      }
      copy.textContent = $("said").textContent = copy.dataset.done;
    };
  }

  // A payment takes seconds: say so, and take no second one.
  for (const form of document.querySelectorAll("form[data-busy]")) {
    const button = form.querySelector("button.main"), text = button.textContent;
    form.onsubmit = (event) => {
      if (button.getAttribute("aria-disabled")) return event.preventDefault();
      button.setAttribute("aria-disabled", "true");
      button.textContent = form.dataset.busy;
    };
    window.addEventListener("pageshow", () => {
      button.removeAttribute("aria-disabled");
      button.textContent = text;
    });
  }

  // Prices of the chosen mint, and one amount only.
  const field = $("amount");
  if (field) {
    const form = field.form, steps = [...form.querySelectorAll("[name=steps]")];
    const price = () => {
      const mint = form.querySelector("[name=mint]:checked");
      if (!mint) return;
      for (const step of steps) {
        const cost = BigInt(step.value) * BigInt(mint.dataset.price);
        step.parentNode.querySelector("bdi").textContent = cost + " " + mint.dataset.unit;
      }
    };
    form.onchange = (event) => {
      if (event.target.name === "steps") field.value = "";
      price();
    };
    field.oninput = () => {
      for (const step of steps) step.checked = false;
      if (!field.value) steps[0].checked = true;
    };
    price();
  }

  // A token from a QR code, where the browser can do that itself.
  const scan = $("scan");
  if (scan && window.isSecureContext && "BarcodeDetector" in window && navigator.mediaDevices) {
    const video = $("video"), start = scan.textContent;
    let stream = null;
    const stop = () => {
      if (stream) for (const track of stream.getTracks()) track.stop();
      stream = null;
      show("camera", false);
      scan.textContent = start;
    };
    const look = async (detector) => {
      if (!stream) return;
      const codes = await detector.detect(video).catch(() => []);
      const code = codes.find((code) => /cashu[AB]/.test(code.rawValue));
      if (!code) return void setTimeout(look, 200, detector);
      $("token").value = code.rawValue;
      stop();
      $("token").focus();
    };
    scan.hidden = false;
    scan.onclick = async () => {
      if (stream) return stop();
      show("camera", true);
      $("camera-said").textContent = "";
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        video.srcObject = stream;
        await video.play();
        scan.textContent = scan.dataset.stop;
        look(new BarcodeDetector({ formats: ["qr_code"] }));
      } catch (_) {
        stop();
        show("camera", true);
        $("camera-said").textContent = scan.dataset.failed;
      }
    };
  }

  const result = $("result");
  if (result) result.focus();
})();
