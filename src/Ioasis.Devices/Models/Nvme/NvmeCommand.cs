using System.Runtime.InteropServices;

namespace Ioasis.Devices.Nvme;

/// <summary>An entry of a submission queue (Linux: struct nvme_common_command).</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal readonly struct NvmeCommand
{
    internal const int Size = 64;

    /// <summary>All namespaces.</summary>
    internal const uint AllNamespaces = 0xffffffff;

    internal readonly byte Opcode;

    /// <summary>Fused operations and SGLs, neither of which is supported.</summary>
    internal readonly byte Flags;

    internal readonly ushort CommandId;
    internal readonly uint Nsid;
    internal readonly uint Cdw2;
    internal readonly uint Cdw3;
    internal readonly ulong Metadata;
    internal readonly ulong Prp1;
    internal readonly ulong Prp2;
    internal readonly uint Cdw10;
    internal readonly uint Cdw11;
    internal readonly uint Cdw12;
    internal readonly uint Cdw13;
    internal readonly uint Cdw14;
    internal readonly uint Cdw15;

    /// <summary>First block of a read, write or write-zeroes command.</summary>
    internal ulong FirstBlock => Cdw10 | ((ulong)Cdw11 << 32);

    /// <summary>Number of blocks of such a command.</summary>
    internal uint Blocks => (Cdw12 & 0xffff) + 1;

    /// <summary>Whether the data must be on the medium when the command ends.</summary>
    internal bool ForceUnitAccess => (Cdw12 & (1u << 30)) != 0;
}

/// <summary>An entry of a completion queue (Linux: struct nvme_completion).</summary>
/// <param name="Result">Depends on the command.</param>
/// <param name="Reserved">0.</param>
/// <param name="SqHead">Head of the submission queue.</param>
/// <param name="SqId">ID of the submission queue.</param>
/// <param name="CommandId">ID of the command.</param>
/// <param name="StatusAndPhase">The status; the lowest bit is the phase.</param>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal readonly record struct NvmeCompletion(
    uint Result, uint Reserved, ushort SqHead, ushort SqId, ushort CommandId, ushort StatusAndPhase)
{
    internal const int Size = 16;
}

/// <summary>Result of a command.</summary>
/// <param name="Status">The status.</param>
/// <param name="Result">Depends on the command.</param>
/// <param name="IsPending">Whether the command has not ended: its completion comes later.</param>
internal readonly record struct NvmeOutcome(NvmeStatus Status, uint Result = 0, bool IsPending = false)
{
    public static implicit operator NvmeOutcome(NvmeStatus status) => new(status);
}
