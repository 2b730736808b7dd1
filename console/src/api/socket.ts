// The connection over which the server says that something changed (docs/how-to/live.md). It brings no data: who hears of a
// change reads it. Without it, pages ask again by themselves (live.ts).

/** What of the browser's WebSocket is used. */
export interface Wire {
  send: (text: string) => void;
  close: () => void;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
}

/** Whoever watches a topic. */
export interface Watcher {
  /** It is not as it was. */
  changed: () => void;
  /** The server began or ceased to tell of it. */
  moved: () => void;
}

interface Watched {
  watchers: Set<Watcher>;
  version?: number;
  /** Does the server tell of it? */
  live: boolean;
}

interface Message {
  type?: string;
  code?: string;
  topic?: string;
  topics?: string[];
  version?: number;
}

/** In milliseconds. The server, or API Gateway, ends a connection that says nothing for ten minutes. */
const PING_EVERY = 240_000;
const PATIENCE = 10_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 60_000;
/** Where there never was a connection, there may be nobody who takes one. */
const LONGEST_PAUSE_WITHOUT = 600_000;

export class LiveSocket {
  private readonly topics = new Map<string, Watched>();
  private wire: Wire | null = null;
  private ready = false;
  private refused = false;
  private failures = 0;
  private worked = false;
  private pause: ReturnType<typeof setTimeout> | undefined;
  private ping: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly open: () => Wire,
    private readonly key: () => Promise<string | null>,
  ) {}

  /** Tells of a topic until the result is called. */
  watch(topic: string, watcher: Watcher): () => void {
    const watched = this.topics.get(topic) ?? { watchers: new Set(), live: false };
    watched.watchers.add(watcher);
    if (watched.watchers.size === 1) {
      this.topics.set(topic, watched);
      if (this.ready) this.subscribe([topic]);
      else this.connect();
    }
    return () => {
      watched.watchers.delete(watcher);
      if (watched.watchers.size > 0 || this.topics.get(topic) !== watched) return;
      this.topics.delete(topic);
      if (watched.live) this.say({ action: "unsubscribe", topics: [topic] });
    };
  }

  /** Does the server tell of this topic now? */
  isLive(topic: string): boolean {
    return this.topics.get(topic)?.live ?? false;
  }

  /** Another key, or the network is back: tries again at once. */
  again() {
    this.refused = false;
    this.failures = 0;
    this.drop();
    this.connect();
  }

  /** Is anybody there? */
  look() {
    if (!this.ready) {
      if (this.wire === null) this.connect();
      return;
    }
    this.say({ action: "ping" });
    clearTimeout(this.ping);
    this.ping = setTimeout(() => {
      this.lost();
    }, PATIENCE);
  }

  private connect() {
    clearTimeout(this.pause);
    if (this.wire !== null || this.refused || this.topics.size === 0) return;
    let wire: Wire;
    try {
      wire = this.open();
    } catch {
      this.later();
      return;
    }
    this.wire = wire;
    this.ping = setTimeout(() => {
      this.lost();
    }, PATIENCE);
    wire.onopen = () => {
      void this.key().then((token) => {
        if (this.wire !== wire) return;
        // The key is never part of an address.
        if (token === null) this.begin();
        else this.say({ action: "authenticate", token });
      });
    };
    wire.onmessage = ({ data }) => {
      if (this.wire === wire) this.hear(String(data));
    };
    wire.onclose = () => {
      if (this.wire === wire) this.lost();
    };
  }

  private hear(text: string) {
    const message = JSON.parse(text) as Message;
    const watched = this.topics.get(message.topic ?? "");
    if (message.type === "changed") {
      if (watched === undefined) return;
      if (message.version !== undefined) watched.version = message.version;
      for (const watcher of watched.watchers) watcher.changed();
    } else if (message.type === "ready") this.begin();
    else if (message.type === "subscribed") for (const topic of message.topics ?? []) this.set(topic, true);
    else if (message.type === "pong") this.rest();
    else if (message.type === "error") {
      // A page asks for the sign-in when one of its requests is refused.
      if (message.code === "unauthorized") this.refused = true;
      if (message.topic !== undefined) this.set(message.topic, false);
    }
  }

  private begin() {
    this.ready = true;
    this.worked = true;
    this.failures = 0;
    this.rest();
    if (this.topics.size > 0) this.subscribe([...this.topics.keys()]);
  }

  private rest() {
    clearTimeout(this.ping);
    this.ping = setTimeout(() => {
      this.look();
    }, PING_EVERY);
  }

  private subscribe(topics: string[]) {
    const asked = topics.map((topic) => {
      const after = this.topics.get(topic)?.version;
      return after === undefined ? { topic } : { topic, after };
    });
    this.say({ action: "subscribe", topics: asked });
  }

  private say(message: object) {
    this.wire?.send(JSON.stringify(message));
  }

  private set(topic: string, live: boolean) {
    const watched = this.topics.get(topic);
    if (watched === undefined || watched.live === live) return;
    watched.live = live;
    for (const watcher of watched.watchers) watcher.moved();
  }

  private drop() {
    const { wire } = this;
    this.wire = null;
    this.ready = false;
    clearTimeout(this.ping);
    for (const topic of this.topics.keys()) this.set(topic, false);
    wire?.close();
  }

  private lost() {
    this.drop();
    this.later();
  }

  /** All who lost their server at once come back one after the other. */
  private later() {
    if (this.refused) return;
    const longest = this.worked ? LONGEST_PAUSE : LONGEST_PAUSE_WITHOUT;
    const pause = Math.min(longest, FIRST_PAUSE * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.failures += 1;
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      this.connect();
    }, pause);
  }
}
