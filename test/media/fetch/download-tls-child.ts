/** Fetches addresses, given as arguments after a folder for temporary files, and writes what came of each as a line of JSON. */
import { fetchMedia } from "../../../src/media/fetch/fetch-media.js";
import { PUBLIC, testNetwork } from "./download-servers.js";

const [tmpDir, ...urls] = process.argv.slice(2);
for (const url of urls) {
  const options = {
    ...{ mediaRoots: [], tmpDir, maxBytes: 1000, timeoutMs: 20_000, allowPrivateAddresses: false },
    network: testNetwork({ "media.test": [[PUBLIC]], "other.test": [[PUBLIC]] }),
  };
  const came = await fetchMedia({ url }, options, new AbortController().signal).then(
    (file) => ({ bytes: file.bytes, message: "" }),
    (error: Error) => ({ error: error.name, message: error.message }),
  );
  process.stdout.write(`${JSON.stringify(came)}\n`);
}
