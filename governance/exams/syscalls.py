"""The system calls of a program that is examined: what it needs, and what ends it.

Any other call fails with "operation not permitted", so that a program that asks out of curiosity
can go on. Names that a machine's architecture does not have are left out there.
"""

from __future__ import annotations


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


NEEDED = names(
    # files, which the layer of files narrows to those it may read
    """access close close_range dup dup2 dup3 faccessat faccessat2 fadvise64 fstat fstatfs
    getcwd getdents getdents64 lseek lstat newfstatat pread64 preadv preadv2 read readlink
    readlinkat readv stat statfs statx write writev
    """
    # waiting
    """epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2
    pipe pipe2 poll ppoll pselect6 select timerfd_create timerfd_gettime timerfd_settime
    """
    # memory, threads and signals of its own
    """arch_prctl brk futex futex_waitv get_robust_list madvise mbind membarrier mincore mlock mmap
    mprotect mremap munlock munmap rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn
    rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getparam sched_getscheduler
    sched_get_priority_max sched_get_priority_min sched_yield set_robust_list set_tid_address
    sigaltstack sigreturn restart_syscall pause exit exit_group
    """
    # time and chance
    """alarm clock_getres clock_gettime clock_nanosleep getitimer getrandom getrusage gettimeofday
    nanosleep setitimer time times
    """
    # who and where it is
    """getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid
    getresuid getrlimit getsid gettid getuid sysinfo uname
    """
    # a pair of sockets that are only connected with each other, as event loops have
    """getpeername getsockname getsockopt recvfrom recvmsg setsockopt shutdown
    """
)
"""Allowed whatever their arguments."""

ENDS = names(
    """accept accept4 bind connect listen socket
    execve execveat fork vfork
    bpf chroot init_module finit_module io_uring_setup kexec_load mount move_mount open_tree
    perf_event_open pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace setns umount2
    unshare userfaultfd
    """
)
"""No program that only uses its tools makes these; one that does is ended by the kernel."""

OPENS = {"open": 1, "openat": 2}
"""The calls that open a file, and which argument holds the flags."""

WRITES = 0o1 | 0o2 | 0o100 | 0o1000
"""O_WRONLY, O_RDWR, O_CREAT and O_TRUNC, as Linux has them on all usual machines."""

THREAD = 0x00010000
"""CLONE_THREAD: a clone without it is a process."""

NAMESPACES = 0x7E020080
"""Every CLONE_NEW* flag."""

AF_UNIX = 1
ITSELF = 0
CHOICES = {
    "socketpair": (0, (AF_UNIX,)),  # connected with itself, and with nothing else
    "sendto": (4, (0,)),  # along such a pair, to no address
    "prlimit64": (0, (ITSELF,)),
    "prctl": (0, (15, 16)),  # PR_SET_NAME, PR_GET_NAME: what a thread is called
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC. Not who gets signals.
    "fcntl": (1, (0, 1, 2, 3, 4, 1030)),
    "ioctl": (1, (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)),  # TCGETS, FIO...: of the file itself
}
"""Calls that are allowed when one argument, by its position, has one of these values."""
