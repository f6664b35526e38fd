"""What the machine is, without naming it."""

import os
import platform
import time


def busy(seconds=2.0):
    """The share of processor time that others use, by the kernel's account."""

    def ticks():
        with open("/proc/stat") as account:
            values = [int(value) for value in account.readline().split()[1:9]]
        return sum(values), values[3] + values[4]

    try:
        before = ticks()
        time.sleep(seconds)
        after = ticks()
    except OSError:
        return 0.0
    return 1 - (after[1] - before[1]) / max(after[0] - before[0], 1)


def describe(threads):
    text = open("/proc/cpuinfo").read() if os.path.exists("/proc/cpuinfo") else ""
    field = lambda key: next((l.split(":", 1)[1].strip() for l in text.splitlines() if l.startswith(key)), "")  # noqa: E731, E741
    flags = set(field("flags").split())
    instructions = "avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "baseline"
    more = [flag for flag in ("avx512_bf16", "amx_bf16", "amx_tile") if flag in flags]
    bytes_of_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "class": f"{platform.machine()}-{instructions}-{threads}-threads".replace("_", "-"),
        "processor": field("model name") or platform.processor(),
        "instructions": instructions,
        "further_instructions": more,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(bytes_of_memory / 2**30),
        "threads": threads,
        "busy": busy(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
