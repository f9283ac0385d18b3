using System.Diagnostics;
using System.Globalization;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Looks for mistakes of drivers with the DMA API, as Linux's CONFIG_DMA_API_DEBUG does: give it to each device as
/// <see cref="DmaDeviceOptions.Observer"/>. It works in every home of a driver.
/// </summary>
internal sealed class DmaApiCheck : DmaObserver, IDisposable
{
    private const ulong CacheLine = 64;
    private const int MostCopied = 64 << 10, MostFrames = 8;

    private readonly CheckOptions _options;
    private readonly FindingLog _log;

    // Guards what follows. Innermost.
    private readonly RankedLock _lock = new(LockRank.DmaApiCheck);
    private readonly Dictionary<DmaDevice, SeenDevice> _devices = [];

    /// <summary>Begins to check.</summary>
    /// <param name="options">What is looked for, and what becomes of findings.</param>
    /// <param name="suppressions">Findings that are not reported.</param>
    /// <param name="open">Opens the file for the reports, when there is something to report. It is closed at the
    /// end.</param>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    public DmaApiCheck(CheckOptions options, Suppressions suppressions, Func<TextWriter> open)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _log = new FindingLog(options, suppressions, open, halt: null);
    }

    /// <summary>How many findings were reported so far. Complete after <see cref="Dispose"/>.</summary>
    public int Found => _log.Count;

    /// <summary>Reports what is left, and ends.</summary>
    public void Dispose() => _log.Dispose();

    /// <inheritdoc/>
    public override void OnMap(DmaDevice device, in DmaUse use)
    {
        var mapped = new Mapped(use, Here());
        Mapped? other;
        using (_lock.Enter())
        {
            SeenDevice seen = Of(device);
            other = seen.Active.Values.FirstOrDefault(m => SharesLine(m.Use, mapped.Use));
            seen.Active[use.First.Value] = mapped;
            if ((use.Attributes & DmaAttributes.SkipCpuSync) == 0) mapped.GiveToDevice();
        }

        if (use is { IsConstant: true, Direction: DmaDirection.FromDevice or DmaDirection.Bidirectional })
        {
            Report(CheckKind.DmaApiConstantMemory, device,
                $"device driver maps memory from rodata, for the device to write: {Text(use)}",
                "A string never changes: map an array.", Mapping(mapped));
        }

        if (other is not null)
        {
            Report(CheckKind.DmaApiOverlapping, device,
                $"overlapping mappings: {Text(use)} and {Text(other.Use)} touch the same cache line",
                "Give each buffer that the device writes cache lines of its own.",
                [.. Mapping(mapped), .. Mapping(other)]);
        }
    }

    /// <inheritdoc/>
    public override void OnUnmap(DmaDevice device, Iova first)
    {
        Mapped? mapped;
        using (_lock.Enter()) Of(device).Active.Remove(first.Value, out mapped);
        if (mapped is not null) CheckOwner(device, mapped);
    }

    /// <inheritdoc/>
    public override void OnUnmapped(DmaDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        long outside, late;
        using (_lock.Enter())
        {
            SeenDevice seen = Of(device);
            outside = device.OutsideWrites - seen.OutsideWrites;
            late = device.Space.LateAccesses - seen.LateAccesses;
            (seen.OutsideWrites, seen.LateAccesses) = (device.OutsideWrites, device.Space.LateAccesses);
        }

        if (outside > 0)
        {
            Report(CheckKind.DmaApiOutsideWrite, device,
                "the device wrote beside the buffer that is unmapped here, on its pages",
                "Tell the device the buffer's length.", [Stack("unmapped", Here())]);
        }

        if (late > 0)
        {
            Report(CheckKind.DmaApiLateAccess, device, "a device of the domain accessed memory that was unmapped and "
                + "not yet flushed", "Wait until the device is done, then unmap. A strict domain refuses the access.",
                [Stack("seen", Here())]);
        }
    }

    /// <inheritdoc/>
    public override void OnSync(DmaDevice device, Iova first, bool forCpu, bool isWhole)
    {
        Mapped? mapped;
        using (_lock.Enter()) mapped = Of(device).Active.GetValueOrDefault(first.Value);
        if (forCpu && mapped is not null) CheckOwner(device, mapped);
    }

    /// <inheritdoc/>
    public override void OnSynced(DmaDevice device, Iova first, bool forCpu)
    {
        using (_lock.Enter())
        {
            if (Of(device).Active.GetValueOrDefault(first.Value) is not { } mapped) return;
            if (forCpu) mapped.GiveToCpu();
            else mapped.GiveToDevice();
        }
    }

    /// <inheritdoc/>
    public override void OnMistake(DmaDevice device, DmaMistake mistake, string detail)
    {
        (CheckKind kind, string what, string hint) = mistake switch
        {
            DmaMistake.UnmapsTwice => (CheckKind.DmaApiUnmapTwice,
                "device driver tries to free DMA memory it has not allocated", "Unmap once, through one copy."),
            DmaMistake.NotMapped => (CheckKind.DmaApiNotMapped,
                "device driver uses or syncs DMA memory it has not allocated",
                "Take the address and synchronize before the unmap."),
            DmaMistake.SyncOutside => (CheckKind.DmaApiSyncOutside,
                "device driver syncs DMA memory outside allocated range", "Synchronize parts of the mapping only."),
            DmaMistake.SegmentTooLong => (CheckKind.DmaApiSegmentTooLong,
                "mapping sg segment longer than device claims to support",
                "Split the piece, or set MaxSegmentSize to what the device takes."),
            _ => (CheckKind.DmaApiSegmentAcrossBoundary, "mapping sg segment across boundary",
                "Split the piece at the boundary, or set SegmentBoundary to what the device takes."),
        };
        Report(kind, device, $"{what} ({detail})", hint, [Stack("called", Here())]);
    }

    /// <inheritdoc/>
    public override void OnRelease(DmaDevice device)
    {
        Mapped[] left;
        using (_lock.Enter())
        {
            left = [.. Of(device).Active.Values.OrderBy(m => m.Use.First.Value)];
            _devices.Remove(device);
        }

        if (left.Length == 0) return;
        Report(CheckKind.DmaApiPending, device, string.Create(CultureInfo.InvariantCulture,
                $"device driver has pending DMA allocations while released from device [count={left.Length}], "
                + $"one of them {Text(left[0].Use)}"),
            "Unmap and free all before the device is disposed.", Mapping(left[0]));
    }

    // Linux's rule: one that the device only reads may share a line with another one.
    private static bool SharesLine(in DmaUse one, in DmaUse other)
    {
        if (!Counts(one) || !Counts(other)) return false;
        return LineOf(one.Memory.Value) <= LineOf(other.Memory.Value + (other.Length - 1))
            && LineOf(other.Memory.Value) <= LineOf(one.Memory.Value + (one.Length - 1));

        static bool Counts(in DmaUse use) => use.Kind != DmaUseKind.Coherent
            && use.Direction is DmaDirection.FromDevice or DmaDirection.Bidirectional
            && (use.Attributes & (DmaAttributes.SkipCpuSync | DmaAttributes.RequireCoherent)) == 0;

        static ulong LineOf(ulong address) => address / CacheLine;
    }

    private void CheckOwner(DmaDevice device, Mapped mapped)
    {
        if (mapped.FirstChange() is not { } offset) return;
        Report(CheckKind.DmaApiCpuWrite, device, string.Create(CultureInfo.InvariantCulture,
                $"the driver wrote byte {offset} of {Text(mapped.Use)} while the device owned it"),
            "Write before the buffer is mapped, or between SyncForCpu and SyncForDevice.",
            [Stack("seen", Here()), .. Mapping(mapped)]);
    }

    private void Report(
        CheckKind kind, DmaDevice device, string what, string hint, IReadOnlyList<FindingPart> parts)
    {
        if (!_options.Has(kind)) return;
        _log.Add(new Finding
        {
            Kind = kind,
            What = $"{device.Name}: {what}",
            Place = new FindingPlace(device.Name),
            Process = Environment.ProcessId,
            Parts = parts,
            Hint = hint,
            Subject = (device, string.Join('\n', parts.SelectMany(p => p.Stack ?? []))),
        });
    }

    private SeenDevice Of(DmaDevice device)
    {
        if (!_devices.TryGetValue(device, out SeenDevice? seen))
        {
            _devices[device] = seen = new SeenDevice
            {
                OutsideWrites = device.OutsideWrites,
                LateAccesses = device.Space.LateAccesses,
            };
        }

        return seen;
    }

    private static FindingPart[] Mapping(Mapped mapped) => [Stack($"mapped ({Text(mapped.Use)})", mapped.Where)];

    private static FindingPart Stack(string text, StackTrace stack)
    {
        List<string> frames = [];
        foreach (StackFrame frame in stack.GetFrames())
        {
            if (frame.GetMethod() is not { } method || frames.Count == MostFrames) continue;
            Type? type = method.DeclaringType;
            // The driver is above.
            if (type == typeof(DmaApiCheck) || type?.Namespace == typeof(DmaDevice).Namespace) continue;
            string place = frame.GetFileName() is { } file
                ? string.Create(CultureInfo.InvariantCulture, $" {file}:{frame.GetFileLineNumber()}")
                : "";
            frames.Add(string.Create(CultureInfo.InvariantCulture,
                $"#{frames.Count} 0x{frame.GetILOffset():x} in {type}.{method.Name}{place}"));
        }

        return new FindingPart(text) { Stack = frames };
    }

    private static StackTrace Here() => new(2, fNeedFileInfo: true);

    private static string Text(in DmaUse use) => string.Create(CultureInfo.InvariantCulture,
        $"[device address={DiagnosticsJson.Hex(use.First.Value)}] [size={use.Length} bytes] [mapped as "
        + $"{use.Kind.ToString().ToLowerInvariant()}, {use.Direction}]");

    private sealed class SeenDevice
    {
        public Dictionary<ulong, Mapped> Active { get; } = [];

        public long OutsideWrites { get; set; }

        public long LateAccesses { get; set; }
    }

    /// <summary>A mapping, with the driver's bytes as they were when the device got them.</summary>
    private sealed class Mapped(DmaUse use, StackTrace where)
    {
        private byte[]? _given;

        public DmaUse Use => use;

        public StackTrace Where => where;

        // The driver alone writes the bytes where the device has a copy, or only reads.
        public void GiveToDevice()
        {
            _given = null;
            if (use.Kind == DmaUseKind.Coherent || use.Length > MostCopied
                || !(use.IsBounced || use.Direction == DmaDirection.ToDevice)) return;
            _given = new byte[use.Length];
            use.Read(_given);
        }

        public void GiveToCpu() => _given = null;

        public int? FirstChange()
        {
            if (_given is not { } given) return null;
            var now = new byte[given.Length];
            use.Read(now);
            int same = given.AsSpan().CommonPrefixLength(now);
            return same == now.Length ? null : same;
        }
    }
}
