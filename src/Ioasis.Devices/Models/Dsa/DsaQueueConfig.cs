using Ioasis.Memory;

namespace Ioasis.Devices.Dsa;

/// <summary>The configuration of a work queue (Linux: union wqcfg) at the time when the queue was enabled.</summary>
internal sealed record DsaQueueConfig
{
    /// <summary>Index of the word with the occupancy, and the state above <see cref="StateShift"/>.</summary>
    internal const int StateDword = 6;

    internal const int StateShift = 30;

    internal int Size { get; private init; }
    internal int Threshold { get; private init; }
    internal bool IsDedicated { get; private init; }
    internal bool BlocksOnFault { get; private init; }
    internal bool UsesAts { get; private init; }

    /// <summary>Whether the queue's descriptors may request pages, which requires ATS.</summary>
    internal bool AsksForPages { get; private init; }

    internal int Priority { get; private init; }
    internal bool UsesPasid { get; private init; }
    internal Pasid Pasid { get; private init; }
    internal bool Privileged { get; private init; }
    internal int MaxTransferLog2 { get; private init; }
    internal int MaxBatchLog2 { get; private init; }
    internal ulong Operations { get; private init; }

    /// <summary>Reads a configuration from the registers.</summary>
    internal static DsaQueueConfig Read(Func<int, uint> dword)
    {
        uint mode = dword(2), limits = dword(3);
        return new DsaQueueConfig
        {
            Size = (ushort)dword(0),
            Threshold = (ushort)dword(1),
            IsDedicated = (mode & 1) != 0,
            BlocksOnFault = (mode & 2) != 0,
            UsesAts = (mode & 4) == 0,
            AsksForPages = (mode & (4 | 8)) == 0,
            Priority = (int)(mode >> 4) & 0xf,
            Pasid = new Pasid((mode >> 8) & 0xfffff),
            UsesPasid = (mode & (1 << 28)) != 0,
            Privileged = (mode & (1 << 29)) != 0,
            MaxTransferLog2 = (int)limits & 0x1f,
            MaxBatchLog2 = (int)(limits >> 5) & 0xf,
            Operations = dword(8) | ((ulong)dword(9) << 32),
        };
    }

    /// <summary>Why a queue cannot be enabled with this configuration.</summary>
    /// <param name="options">The device's options.</param>
    /// <param name="hasPageRequests">Whether PRI is enabled.</param>
    /// <param name="pasidBits">Number of PASID bits that are enabled.</param>
    internal DsaCommandError Check(DsaOptions options, bool hasPageRequests, int pasidBits)
    {
        if (Size == 0) return DsaCommandError.WqSize;
        if (Priority == 0) return DsaCommandError.WqPrior;
        if (!IsDedicated && (Threshold == 0 || Threshold > Size)) return DsaCommandError.WqMode;
        if (BlocksOnFault && !(AsksForPages && hasPageRequests)) return DsaCommandError.BofEn;
        if (UsesPasid && (pasidBits == 0 || Pasid.Value >> pasidBits != 0)) return DsaCommandError.PasidEn;
        if (MaxBatchLog2 > options.MaxBatchLog2) return DsaCommandError.MaxBatchSize;
        return MaxTransferLog2 > options.MaxTransferLog2 ? DsaCommandError.MaxXferSize : DsaCommandError.Success;
    }
}
