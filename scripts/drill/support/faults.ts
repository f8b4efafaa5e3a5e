import type { Fault } from "./fault.js";
import { diskFaults } from "./faults-disk.js";
import { networkFaults } from "./faults-network.js";
import { postgresFaults } from "./faults-postgres.js";
import { processFaults } from "./faults-process.js";
import { redisFaults } from "./faults-redis.js";
import type { ServiceProcess } from "./service-process.js";
import type { DrillSite } from "./site.js";

/** Everything that this drill can break. */
export function faultsOf(site: DrillSite, processes: ServiceProcess[]): Fault[] {
  return [
    ...networkFaults("postgres", site.proxies.postgres),
    ...(site.proxies.redis ? networkFaults("redis", site.proxies.redis) : []),
    ...postgresFaults(site),
    ...(site.redis ? redisFaults(site.redis) : []),
    ...diskFaults(site),
    ...processes.flatMap((process) => processFaults(process)),
  ];
}
