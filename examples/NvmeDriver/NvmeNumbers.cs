using System.Runtime.InteropServices;

namespace Ioasis.Examples.Nvme;

/// <summary>Registers of BAR 0 and their bits (NVM Express 1.4, 3.1).</summary>
internal static class NvmeRegister
{
    internal const ulong Capabilities = 0x00, Configuration = 0x14, Status = 0x1c, AdminQueueAttributes = 0x24,
        AdminSubmissionQueue = 0x28, AdminCompletionQueue = 0x30, Doorbells = 0x1000;

    internal const uint Enable = 1, ShutdownNotification = 1 << 14; // Configuration
    internal const uint EntrySizes = (6 << 16) | (4 << 20); // Configuration: 64 and 16 bytes
    internal const uint Ready = 1, Fatal = 2, ShutdownMask = 3 << 2, ShutdownComplete = 2 << 2; // Status
}

/// <summary>Commands of the admin queue that the driver uses.</summary>
internal enum NvmeAdminOpcode : byte
{
    CreateSubmissionQueue = 0x01,
    CreateCompletionQueue = 0x05,
    Identify = 0x06,
    SetFeatures = 0x09,
}

/// <summary>Commands of an I/O queue that the driver uses.</summary>
public enum NvmeOpcode : byte
{
    /// <summary>Writes all data to the medium.</summary>
    Flush = 0x00,

    /// <summary>Writes blocks.</summary>
    Write = 0x01,

    /// <summary>Reads blocks.</summary>
    Read = 0x02,
}

/// <summary>Status code and status code type of a completion. A controller can report others than these.</summary>
public enum NvmeStatus : ushort
{
    /// <summary>It was done.</summary>
    Success = 0,

    /// <summary>The command's memory does not answer.</summary>
    DataTransferError = 0x04,

    /// <summary>A block beyond the last.</summary>
    BlockOutOfRange = 0x80,

    /// <summary>The driver gave up: the controller does not answer and cannot be reset.</summary>
    HostPathError = 0x370,
}

/// <summary>The end of a command on a polled queue.</summary>
/// <param name="Cookie">The number that the caller gave the command.</param>
/// <param name="Status">The status.</param>
public readonly record struct NvmeResult(long Cookie, NvmeStatus Status);

/// <summary>An entry of a submission queue (4.2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmeCommand
{
    internal const int Size = 64;

    internal ushort Opcode, Id;
    internal uint Namespace;
    internal ulong Reserved, Metadata, Prp1, Prp2;
    internal uint Dword10, Dword11, Dword12, Dword13, Dword14, Dword15;
}
