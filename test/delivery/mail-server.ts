import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

export interface Mail {
  from: string;
  to: string[];
  /** Names in lower case. */
  headers: Map<string, string>;
  text: string;
  html: string;
}

export interface MailServer {
  port: number;
  mails: Mail[];
  /** User and password of every sign-in. */
  signIns: string[];
  /** What it does with a command from now on: returns the answer, "" to say nothing, "drop" to hang up, undefined to behave. */
  misbehave(how: ((command: string) => string | undefined) | undefined): void;
  close(): Promise<void>;
}

/** A small SMTP server (RFC 5321) that keeps what it takes. */
export async function startMailServer(): Promise<MailServer> {
  const mails: Mail[] = [];
  const signIns: string[] = [];
  const sockets = new Set<Socket>();
  let how: ((command: string) => string | undefined) | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    serve(socket, mails, signIns, (command) => how?.(command));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    signIns,
    misbehave: (next) => {
      how = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(socket: Socket, mails: Mail[], signIns: string[], how: (command: string) => string | undefined): void {
  let envelope = { from: "", to: [] as string[] };
  let data: string | undefined;
  let rest = "";
  const say = (line: string) => void socket.write(`${line}\r\n`);
  const obey = (line: string): string => {
    const [, address = ""] = /<([^>]*)>/.exec(line) ?? [];
    switch (line.slice(0, 4).toUpperCase()) {
      case "EHLO":
        return "250-mail.example\r\n250-AUTH PLAIN\r\n250 8BITMIME";
      case "AUTH":
        signIns.push(Buffer.from(line.split(" ")[2], "base64").toString("utf8").split("\0").slice(1).join(":"));
        return "235 welcome";
      case "MAIL":
        envelope = { from: address, to: [] };
        return "250 ok";
      case "RCPT":
        envelope.to.push(address);
        return "250 ok";
      case "DATA":
        data = "";
        return "354 go on";
      case "QUIT":
        return "221 bye";
      default:
        return "502 what?";
    }
  };
  say("220 mail.example");
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    rest += chunk;
    for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (data !== undefined && line !== ".") {
        data += `${line.replace(/^\./, "")}\r\n`;
        continue;
      }
      const answer = how(line);
      if (answer === "drop") return void socket.destroy();
      if (answer === "") continue;
      if (data !== undefined) {
        if (answer === undefined) mails.push({ ...envelope, ...parse(data) });
        data = undefined;
        say(answer ?? "250 taken");
      } else say(answer ?? obey(line));
    }
  });
}

function parse(message: string): Omit<Mail, "from" | "to"> {
  const [headers, body] = split(message);
  const boundary = /boundary="([^"]+)"/.exec(headers.get("content-type") ?? "")?.[1];
  const parts = body.split(`--${boundary}`).map((part) => split(part.replace(/^\r\n/, "")));
  const partOf = (type: string) => {
    const [partHeaders, text] = parts.find(([h]) => h.get("content-type")?.startsWith(type))!;
    return decode(text, partHeaders.get("content-transfer-encoding") ?? "7bit");
  };
  return { headers, text: partOf("text/plain"), html: partOf("text/html") };
}

function split(message: string): [Map<string, string>, string] {
  const end = message.indexOf("\r\n\r\n");
  const lines = message
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  const headers = lines.map(
    (line) => [line.slice(0, line.indexOf(":")).toLowerCase(), words(line.slice(line.indexOf(":") + 1).trim())] as const,
  );
  return [new Map(headers), message.slice(end + 4)];
}

const unquote = (text: string) =>
  Buffer.from(
    text.replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");

/** Encoded words of RFC 2047. */
const words = (text: string) =>
  text
    .replace(/\?= =\?/g, "?==?")
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
      decode(
        kind.toLowerCase() === "b" ? word : word.replace(/_/g, " "),
        kind.toLowerCase() === "b" ? "base64" : "quoted-printable",
      ),
    );

function decode(text: string, encoding: string): string {
  if (encoding === "base64") return Buffer.from(text, "base64").toString("utf8");
  return encoding === "quoted-printable" ? unquote(text.replace(/=\r\n/g, "")) : text;
}
