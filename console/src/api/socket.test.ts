import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveSocket, type Wire } from "./socket";

class FakeWire implements Wire {
  onopen: Wire["onopen"] = null;
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  readonly sent: unknown[] = [];
  closed = false;

  send(text: string) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  async opens() {
    this.onopen?.(new Event("open"));
    await vi.advanceTimersByTimeAsync(0);
  }

  hear(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) } as MessageEvent);
  }

  ends() {
    this.onclose?.(new Event("close") as CloseEvent);
  }
}

const nobody = () => ({ changed: vi.fn<() => void>(), moved: vi.fn<() => void>() });

describe("the live connection", () => {
  let wires: FakeWire[] = [];
  const last = () => wires.at(-1) as FakeWire;
  const make = (key: string | null = null) =>
    new LiveSocket(
      () => {
        wires.push(new FakeWire());
        return last();
      },
      () => Promise.resolve(key),
    );

  beforeEach(() => {
    wires = [];
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(1);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("connects for the first topic, asks once for each, and tells all who watch it", async () => {
    const socket = make();
    expect(wires).toHaveLength(0);
    const [one, two] = [nobody(), nobody()];
    const leave = socket.watch("projects", one);
    socket.watch("projects", two);
    await last().opens();
    expect(last().sent).toEqual([{ action: "subscribe", topics: [{ topic: "projects" }] }]);
    expect(socket.isLive("projects")).toBe(false);
    last().hear({ type: "subscribed", topics: ["projects"] });
    expect(socket.isLive("projects")).toBe(true);
    expect(one.moved).toHaveBeenCalledTimes(1);
    last().hear({ type: "changed", topic: "projects" });
    last().hear({ type: "changed", topic: "executions" });
    leave();
    last().hear({ type: "changed", topic: "projects" });
    expect([one.changed.mock.calls.length, two.changed.mock.calls.length]).toEqual([1, 2]);
  });

  it("says who it is first, never in the address, and waits for the answer", async () => {
    const socket = make("mk_secret");
    socket.watch("executions", nobody());
    await last().opens();
    expect(last().sent).toEqual([{ action: "authenticate", token: "mk_secret" }]);
    last().hear({ type: "ready" });
    expect(last().sent[1]).toEqual({ action: "subscribe", topics: [{ topic: "executions" }] });
  });

  it("comes back with what it knows, later each time, and says meanwhile that nothing is told", async () => {
    const socket = make();
    const watcher = nobody();
    socket.watch("execution/exe_1", watcher);
    await last().opens();
    last().hear({ type: "subscribed", topics: ["execution/exe_1"] });
    last().hear({ type: "changed", topic: "execution/exe_1", version: 7 });
    last().ends();
    expect(socket.isLive("execution/exe_1")).toBe(false);
    expect(watcher.moved).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(499);
    expect(wires).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(wires).toHaveLength(2);
    last().ends();
    vi.advanceTimersByTime(999);
    expect(wires).toHaveLength(2);
    vi.advanceTimersByTime(1);
    await last().opens();
    expect(last().sent).toEqual([{ action: "subscribe", topics: [{ topic: "execution/exe_1", after: 7 }] }]);
  });

  it("asks seldom where nobody ever takes a connection", () => {
    make().watch("projects", nobody());
    for (let minute = 0; minute < 60; minute += 1) {
      for (const wire of wires) wire.ends();
      vi.advanceTimersByTime(60_000);
    }
    expect(wires.length).toBeLessThan(20);
  });

  it("gives up a connection that does not answer", async () => {
    const socket = make();
    socket.watch("projects", nobody());
    await last().opens();
    last().hear({ type: "subscribed", topics: ["projects"] });
    vi.advanceTimersByTime(240_000);
    expect(last().sent.at(-1)).toEqual({ action: "ping" });
    last().hear({ type: "pong" });
    vi.advanceTimersByTime(240_000);
    vi.advanceTimersByTime(10_000);
    expect(wires[0]?.closed).toBe(true);
    expect(socket.isLive("projects")).toBe(false);
    vi.advanceTimersByTime(500);
    expect(wires).toHaveLength(2);
  });

  it("does not come back with a key that was refused, but with another one", async () => {
    const socket = make("wrong");
    socket.watch("projects", nobody());
    await last().opens();
    last().hear({ type: "error", code: "unauthorized", status: 401 });
    last().ends();
    vi.advanceTimersByTime(3_600_000);
    expect(wires).toHaveLength(1);
    socket.again();
    expect(wires).toHaveLength(2);
  });

  it("leaves polling to topics that the server does not have", async () => {
    const socket = make();
    socket.watch("projects", nobody());
    socket.watch("project/prj_1", nobody());
    await last().opens();
    last().hear({ type: "subscribed", topics: ["projects"] });
    last().hear({ type: "error", code: "not-found", status: 404, topic: "project/prj_1" });
    expect([socket.isLive("projects"), socket.isLive("project/prj_1")]).toEqual([true, false]);
  });

  it("asks for a topic that comes later, and leaves one that nobody watches any more", async () => {
    const socket = make();
    socket.watch("projects", nobody());
    await last().opens();
    const leave = socket.watch("webhooks", nobody());
    last().hear({ type: "subscribed", topics: ["projects", "webhooks"] });
    leave();
    expect(last().sent.slice(1)).toEqual([
      { action: "subscribe", topics: [{ topic: "webhooks" }] },
      { action: "unsubscribe", topics: ["webhooks"] },
    ]);
  });
});
