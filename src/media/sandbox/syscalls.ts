/**
 * A filter on system calls in classic BPF, as `bwrap --seccomp` takes it: what neither ffmpeg nor Node with libvips calls, and what
 * exploits of the kernel begin with. Everything else passes: a list of what may pass would break with each new libc.
 * Layout: linux/filter.h and linux/seccomp.h. Numbers: arch/x86/entry/syscalls/syscall_64.tbl.
 */

/** Refused on x86-64 with EPERM. */
const REFUSED: Record<string, number[]> = {
  // socket, connect, accept, sendto, recvfrom, bind, listen, accept4
  network: [41, 42, 43, 44, 45, 49, 50, 288],
  // fork, vfork
  processes: [57, 58],
  // ptrace, process_vm_readv, process_vm_writev, kcmp, pidfd_send_signal, pidfd_open, pidfd_getfd, process_madvise
  otherProcesses: [101, 310, 311, 312, 424, 434, 438, 440],
  // pivot_root, chroot, mount, umount2, unshare, setns, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
  namespaces: [155, 161, 165, 166, 272, 308, 428, 429, 430, 431, 432, 433, 442],
  // memfd_create, memfd_secret: bytes that could be started as a program
  programsInMemory: [319, 447],
  // add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd, io_uring_setup, io_uring_enter, io_uring_register
  kernelSurfaces: [248, 249, 250, 298, 321, 323, 425, 426, 427],
  // name_to_handle_at, open_by_handle_at, personality, modify_ldt, vmsplice, fanotify_init, quotactl
  seldomUsed: [303, 304, 135, 154, 278, 300, 179],
  // acct, swapon, swapoff, reboot, iopl, ioperm, init_module, delete_module, finit_module, kexec_load, kexec_file_load, syslog
  machine: [163, 167, 168, 169, 172, 173, 175, 176, 313, 246, 320, 103],
};

const CLONE = 56;
const CLONE3 = 435;
const CLONE_THREAD = 0x10000;
/** Bit that marks a number as one of the x32 ABI, which would go round the list. */
const X32 = 0x40000000;
const AUDIT_ARCH_X86_64 = 0xc000003e;

/** Offsets in struct seccomp_data. */
const AT_NUMBER = 0;
const AT_ARCH = 4;
const AT_FIRST_ARGUMENT = 16;

const LOAD = 0x20;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const IF_ANY_BIT = 0x45;
const RETURN = 0x06;

const EPERM = 1;
const ENOSYS = 38;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const fail = (errno: number) => 0x00050000 | errno;

type Instruction = [code: number, ifTrue: number, ifFalse: number, value: number];

/** Undefined on processors other than x86-64, whose numbers differ: there the sandbox goes without. */
export function syscallFilter(arch: string): Buffer | undefined {
  if (arch !== "x64") return undefined;
  const program: Instruction[] = [
    [LOAD, 0, 0, AT_ARCH],
    ...when(IF_EQUAL, AUDIT_ARCH_X86_64, "otherwise", KILL),
    [LOAD, 0, 0, AT_NUMBER],
    ...when(IF_AT_LEAST, X32, "then", fail(EPERM)),
    ...Object.values(REFUSED)
      .flat()
      .flatMap((number) => when(IF_EQUAL, number, "then", fail(EPERM))),
    // Its flags lie in memory, which a filter cannot read: glibc goes back to clone.
    ...when(IF_EQUAL, CLONE3, "then", fail(ENOSYS)),
    ...when(IF_EQUAL, CLONE, "otherwise", ALLOW),
    [LOAD, 0, 0, AT_FIRST_ARGUMENT],
    // New threads, but no new processes.
    ...when(IF_ANY_BIT, CLONE_THREAD, "otherwise", fail(EPERM)),
    [RETURN, 0, 0, ALLOW],
  ];
  return Buffer.concat(program.map(encode));
}

/** Returns `result` in the one case and goes on in the other. */
function when(test: number, value: number, which: "then" | "otherwise", result: number): Instruction[] {
  const [ifTrue, ifFalse] = which === "then" ? [0, 1] : [1, 0];
  return [
    [test, ifTrue, ifFalse, value],
    [RETURN, 0, 0, result],
  ];
}

function encode([code, ifTrue, ifFalse, value]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}
