using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Tests.Host;

/// <summary>Runs a classic BPF program on a system call as the kernel would, as far as our filter goes.</summary>
internal static class BpfMachine
{
    public const uint AuditArchX86_64 = 0xC000003E;

    /// <summary>What the program returns for a call.</summary>
    public static uint Run(ReadOnlySpan<SockFilter> program, int number, uint arch,
        params ReadOnlySpan<ulong> arguments)
    {
        var data = new SeccompData { Nr = number, Arch = arch };
        for (int i = 0; i < arguments.Length; i++) data.Args[i] = arguments[i];
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<SeccompData, uint>(new ReadOnlySpan<SeccompData>(in data));
        uint accumulator = 0;
        for (int at = 0; ; at++)
        {
            SockFilter instruction = program[at];
            switch (instruction.Code)
            {
                case 0x20: accumulator = words[(int)(instruction.K / 4)]; break;
                case 0x74: accumulator >>= (int)instruction.K; break;
                case 0x54: accumulator &= instruction.K; break;
                case 0x15: at += accumulator == instruction.K ? instruction.JumpTrue : instruction.JumpFalse; break;
                case 0x35: at += accumulator >= instruction.K ? instruction.JumpTrue : instruction.JumpFalse; break;
                case 0x06: return instruction.K;
                default: throw new InvalidOperationException($"instruction 0x{instruction.Code:x}");
            }
        }
    }
}
