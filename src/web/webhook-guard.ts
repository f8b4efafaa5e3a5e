import type { Config } from "../config.js";
import type { AddressGuard } from "../delivery/webhook-send.js";
import { lookupPublic, refusePrivateHost } from "../media/fetch/allowed-address.js";

/** Which addresses webhooks may call: public ones, by the same rules as media, or with MEDIA_ALLOW_PRIVATE_ADDRESSES=1 any. */
export const webhookGuard = (config: Pick<Config, "mediaAllowPrivateAddresses">): AddressGuard | undefined =>
  config.mediaAllowPrivateAddresses ? undefined : { lookup: lookupPublic, refuseHost: refusePrivateHost };
