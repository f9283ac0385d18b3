using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.Linux.Processes;

/// <summary>struct ptrace_syscall_info (linux/ptrace.h): the system call at which a traced thread stopped.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SyscallStop
{
    private const byte PTRACE_SYSCALL_INFO_ENTRY = 1, PTRACE_SYSCALL_INFO_EXIT = 2;
    private const uint AuditArchX86_64 = 0xC000003E;

    public byte Op;
    private readonly byte _reserved;
    private readonly ushort _flags;
    public uint Arch;
    public ulong InstructionPointer;
    public ulong StackPointer;

    /// <summary>At the entry, the number of the call; at the exit, its result.</summary>
    public long Value;

    public SyscallArguments Arguments;
    private readonly ulong _more;

    /// <summary>Whether a 64-bit call begins.</summary>
    public readonly bool IsEntry => Op == PTRACE_SYSCALL_INFO_ENTRY && Arch == AuditArchX86_64;

    /// <summary>Whether a call ends.</summary>
    public readonly bool IsExit => Op == PTRACE_SYSCALL_INFO_EXIT;
}

/// <summary>The six arguments of a system call.</summary>
[InlineArray(6)]
internal struct SyscallArguments
{
    private ulong _first;
}
