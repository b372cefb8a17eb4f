import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiProblem } from "./problem";

let serve: (request: Request) => Promise<Response>;
// The client takes hold of `fetch` when it is loaded.
vi.stubGlobal("fetch", (request: Request) => serve(request));
const { sendFile, WAITS } = await import("./files");

const ID = "0193b001-0000-7000-8000-000000000009";
const whole = () => new File(["0123456789"], "people.csv", { lastModified: 7 });

/** A server that keeps what comes and whose line breaks after so many bytes of each request, as often as is said. */
class Server {
  kept = "";
  announced: unknown[] = [];
  offsets: string[] = [];
  packed = 0;

  constructor(readonly breaks: number[]) {
    serve = (request) => this.announce(request);
    vi.stubGlobal("XMLHttpRequest", fakeOf((method, address, body) => this.take(method, address, body)));
  }

  upload = () => ({ id: ID, size_bytes: 10, received_bytes: this.kept.length, is_complete: this.kept.length === 10 });

  async announce(request: Request): Promise<Response> {
    this.announced.push(await request.json());
    return Response.json(this.upload(), { status: 201 });
  }

  async take(method: string, address: string, body: Blob): Promise<Response | null> {
    const sent = await body.text();
    if (method === "POST") {
      this.packed += 1;
      return Response.json({ ...this.upload(), is_complete: true }, { status: 201 });
    }
    this.offsets.push(address.split("=")[1]!);
    const fit = this.breaks.shift() ?? Number.POSITIVE_INFINITY;
    this.kept += sent.slice(0, fit);
    return fit < sent.length ? null : Response.json(this.upload());
  }
}

function fakeOf(take: (method: string, address: string, body: Blob) => Promise<Response | null>) {
  return class extends EventTarget {
    upload = new EventTarget();
    status = 0;
    responseText = "";
    #method = "";
    #address = "";
    open(method: string, address: string) {
      this.#method = method;
      this.#address = address;
    }
    setRequestHeader() {
      return;
    }
    getResponseHeader = (name: string) => (name === "content-type" ? "application/json" : "");
    abort() {
      this.dispatchEvent(new Event("abort"));
    }
    send(body: Blob) {
      void take(this.#method, this.#address, body).then(async (answer) => {
        if (answer === null) return this.dispatchEvent(new Event("error"));
        this.status = answer.status;
        this.responseText = await answer.text();
        return this.dispatchEvent(new Event("load"));
      });
    }
  };
}

const sent = (file = whole(), signal = new AbortController().signal) => {
  const sending = sendFile(file, () => undefined, signal);
  sending.catch(() => undefined);
  return sending;
};

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a file that is sent", () => {
  it("goes on where it broke off, however often", async () => {
    const server = new Server([3, 0, 4]);

    const sending = sent();
    await vi.runAllTimersAsync();

    expect(await sending).toMatchObject({ id: ID, is_complete: true });
    expect(server.kept).toBe("0123456789");
    expect(server.offsets).toEqual(["0", "3", "3", "7"]);
    expect(server.announced[0]).toEqual({ size_bytes: 10, name: "people.csv 10 7" });
  });

  it("goes on from what came the last time it was chosen", async () => {
    const server = new Server([]);
    server.kept = "01234";

    await sent();

    expect(server.offsets).toEqual(["5"]);
    expect(server.kept).toBe("0123456789");
  });

  it("is given up when nothing more gets through", async () => {
    const server = new Server(Array.from({ length: 20 }, () => 0));

    const sending = sent();
    await vi.runAllTimersAsync();

    await expect(sending).rejects.toBeInstanceOf(ApiProblem);
    expect(server.offsets.length).toBe(WAITS.length + 1);
  });

  it("stops at once when it is told to", async () => {
    const server = new Server([0]);
    const control = new AbortController();

    const sending = sent(whole(), control.signal);
    await vi.advanceTimersByTimeAsync(1);
    control.abort();

    await expect(sending).rejects.toMatchObject({ name: "AbortError" });
    expect(server.offsets).toEqual(["0"]);
  });

  it("goes in one piece when it is packed", async () => {
    const server = new Server([]);

    await sent(new File([new Uint8Array([0x1f, 0x8b, 8])], "people.csv.gz"));

    expect([server.packed, server.offsets.length]).toEqual([1, 0]);
  });
});
