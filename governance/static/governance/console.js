// The console of a session: follows its events as they happen, and sends what its reader decides.
//
// A message of the stream says only that something happened: the server draws what to show, so that
// an agent's text is treated in one place. Without this script the same forms are sent as they are.

"use strict";

(() => {
    const RETRY = 3000, PATIENCE = 1500, POLL = 5000, WATCHED = 20000, SAID = 8000;
    const page = document.getElementById("console");
    if (!page) return;

    const connection = document.getElementById("connection");
    const told = document.getElementById("told");
    let newest = Number(page.dataset.newest);
    let phase = page.dataset.phase;
    let source = null, lost = null, old = null, busy = false, again = false;

    // --- The connection

    function say(state, words) {
        if (connection.dataset.state === state) return;
        connection.dataset.state = state;
        connection.querySelector("[data-words]").textContent = words;
    }

    function connect() {
        source = new EventSource(`${page.dataset.events}?after=${newest}`);
        source.onopen = () => {
            clearTimeout(lost);
            lost = null;
            say("live", "Live");
            refresh();
        };
        source.onmessage = refresh;
        source.onerror = () => {
            // A stream ends from time to time and comes back at once: that is nobody's concern.
            lost ??= setTimeout(() => say("lost", "Connection lost, retrying …"), PATIENCE);
            if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY);
        };
    }

    function hangUp() {
        source.close();
        clearTimeout(lost);
        say("over", "This session is over.");
    }

    // --- What is shown

    async function refresh() {
        if (busy) {
            again = true;
            return;
        }
        busy = true;
        do {
            again = false;
            try {
                show(await ask(`${page.dataset.live}?after=${newest}`));
            } catch {
                break; // The connection's words say so already, and it is asked again later.
            }
        } while (again);
        busy = false;
    }

    async function ask(address, options = {}) {
        const answer = await fetch(address, {
            credentials: "same-origin",
            ...options,
            headers: { Accept: "application/json" },
        });
        const said = await answer.json();
        return { ...said, ok: answer.ok };
    }

    function show(now) {
        if (!now.ok) return;
        part("status").innerHTML = now.parts.status;
        part("interventions").innerHTML = now.parts.interventions;
        if (now.newest > newest) {
            part("events").insertAdjacentHTML("afterbegin", now.parts.events);
            for (const line of part("events").querySelectorAll("[data-sequence]")) {
                if (Number(line.dataset.sequence) > newest) line.classList.add("fresh");
            }
            newest = now.newest;
        }
        for (const seen of page.querySelectorAll("[name=seen]")) seen.value = now.version;
        if (now.phase !== phase) turn(now.phase);
    }

    function turn(to) {
        phase = to;
        for (const one of page.querySelectorAll("[data-when]")) {
            one.hidden = !one.dataset.when.split(" ").includes(phase);
        }
        if (phase === "over") hangUp();
    }

    function part(name) {
        return page.querySelector(`[data-part="${name}"]`);
    }

    // --- What is done

    page.addEventListener("submit", async (event) => {
        const form = event.target, button = form.querySelector("[type=submit]");
        if (!form.dataset.verb) return;
        event.preventDefault();
        button.disabled = true;
        tell("");
        try {
            const said = await ask(form.action, { method: "POST", body: new FormData(form) });
            tell(said.told, !said.ok);
            if (said.ok) clear(form);
        } catch {
            tell("The server did not answer. Look at what is shown before you try again.", true);
        }
        button.disabled = false;
        await refresh();
    });

    function tell(words, refused = false) {
        clearTimeout(old);
        // What went well need not be said for long: the page shows it. A refusal stays.
        if (words && !refused) old = setTimeout(() => tell(""), SAID);
        told.textContent = words;
        told.classList.toggle("refused-told", refused);
    }

    function clear(form) {
        for (const text of form.querySelectorAll("textarea")) text.value = "";
        form.closest("details")?.removeAttribute("open");
    }

    // --- That it is watched

    function watched() {
        const going = phase === "running" || phase === "paused";
        if (!page.dataset.watched || !going) return;
        const token = page.querySelector("[name=csrfmiddlewaretoken]").value;
        fetch(page.dataset.watched, {
            method: "POST",
            credentials: "same-origin",
            headers: { "X-CSRFToken": token },
        }).catch(() => {}); // Nobody to tell: the connection's words say it.
    }

    if (phase === "over") {
        say("over", "This session is over.");
    } else {
        say("none", "Connecting …");
        connection.querySelector("[data-words]").textContent = "Connecting …";
        connect();
        setInterval(() => connection.dataset.state === "lost" && refresh(), POLL);
        setInterval(watched, WATCHED);
    }
})();
