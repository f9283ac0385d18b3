using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Injection;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>
/// The only way of a device to memory: every access is translated by what its requester ID, or the PASID it gives, is
/// attached to, and none is made that the mapping there does not permit. A port serves one thread at a time; a device
/// with several engines opens one for each. A port may be bound to a PASID, its default PASID: every request that gives
/// none carries that one.
/// </summary>
/// <remarks>
/// An access that hits the port's IOTLB takes no lock and writes nothing but the port's own state. What makes that
/// safe: the port counts <c>_state</c> up when it enters an access and again when it leaves, and an entry holds only as
/// long as its key carries the port's present generation. Whoever takes a translation away raises the generation, runs
/// a barrier on all processors (which orders the port's unfenced store of <c>_state</c>) and waits until a port found
/// within an access has left it.
/// </remarks>
public sealed partial class DmaPort : IDisposable
{
    /// <summary>The unit of IOTLB tags in bytes; no mapping starts or ends within one.</summary>
    public const ulong Granule = 1 << GranuleShift;

    private const int GranuleShift = 11;
    internal const int IotlbSize = 256;
    private const uint MeterKey = 1U << (Pasid.Bits + 1); // in the key of what a metered port keeps
    private const ulong GenerationStep = 2UL * MeterKey;
    private const int MaxChunk = 256 * 1024;
    private const int QuiesceSpins = 200, MaxQuiesceNap = 16; // milliseconds
    private const uint NoPasid = 0, PasidMask = MeterKey - 1;
    private const long Closed = -1; // odd: no access can be entered any more

    private readonly Endpoint _endpoint;
    private readonly Injector? _injector; // that may decide about accesses; mostly null
    private readonly EndpointPart? _part; // of the function; null: the port is the function's own
    private readonly uint _defaultKey; // of the PASID that requests carry which give none
    private volatile TranslationRoute? _route; // of those requests; null while they are blocked
    private long _state; // odd within an access
    private ulong _generation; // above MeterKey; below it the default PASID's key, always
    private bool _requestsPages;
    private bool _usesDeviceTlb;
    private int _slow; // why no access takes the fast path: bits; 0 if accesses do
    private (Iova Iova, Pasid? Pasid, Gpa Inner) _refused; // the last access that may ask for a page
    private Iotlb _iotlb; // within the port, so that no other port's state shares a cache line with this one's
    private KnownTables _tables;
    private Counts _counts; // while it is metered

    internal DmaPort(Endpoint endpoint, DeviceTlb? deviceTlb, Pasid? defaultPasid, EndpointPart? part = null)
    {
        _endpoint = endpoint;
        _part = part;
        _defaultKey = KeyOf(defaultPasid);
        _injector = InjectedAccess.InjectorOf(endpoint.Unit);
        _slow = _injector is null ? 0 : ByInjector;
        _generation = GenerationStep | _defaultKey;
        DeviceTlb = deviceTlb;
    }

    /// <summary>Whose requests it sends.</summary>
    public DeviceId Device => _endpoint.Id;

    /// <summary>
    /// The PASID that requests carry which give none: what the port is bound to. Null where they have no PASID.
    /// </summary>
    public Pasid? DefaultPasid => PasidOf(_defaultKey);

    /// <summary>The part of the function that has the port; null for the function itself.</summary>
    internal EndpointPart? Part => _part;

    /// <summary>
    /// Finds what translates requests that give no PASID, if anything does. The endpoint calls it, with its lock held.
    /// </summary>
    internal void UpdateRoute() => _route = RouteOf(NoPasid);

    /// <summary>How many PASID bits its requests may carry; 0 where PASIDs are not enabled.</summary>
    public int PasidBits => (_part?.Enabled ?? _endpoint.Enabled).PasidBits;

    /// <summary>
    /// How many page requests the device may have unanswered, all ports together; 0 where PRI is not enabled.
    /// </summary>
    public int PageRequestLimit => _endpoint.Enabled.PageRequests;

    /// <summary>
    /// Reads memory: <paramref name="destination"/>.Length bytes from <paramref name="iova"/> on, in ascending order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaResult Read(Iova iova, Span<byte> destination) => Access(iova, NoPasid, new ReadTransfer(destination));

    /// <summary>
    /// Writes memory: all of <paramref name="source"/> from <paramref name="iova"/> on, in ascending order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaResult Write(Iova iova, ReadOnlySpan<byte> source) => Access(iova, NoPasid, new WriteTransfer(source));

    /// <summary>Reads memory through the page table of a PASID.</summary>
    public DmaResult Read(Pasid pasid, Iova iova, Span<byte> destination) =>
        Access(iova, KeyOf(pasid), new ReadTransfer(destination));

    /// <summary>Writes memory through the page table of a PASID.</summary>
    public DmaResult Write(Pasid pasid, Iova iova, ReadOnlySpan<byte> source) =>
        Access(iova, KeyOf(pasid), new WriteTransfer(source));

    /// <summary>
    /// Whether the device asks for pages that are missing instead of having the fault recorded. Who asks in vain says
    /// so by <see cref="GiveUp"/>. It stays false where PRI is not enabled.
    /// </summary>
    public bool RequestsPages
    {
        get => _requestsPages;
        set => _requestsPages = value && _endpoint.Enabled.PageRequests > 0;
    }

    /// <summary>
    /// The engine's own translations, which <see cref="UsesDeviceTlb"/> makes use of; null where ATS is not enabled.
    /// </summary>
    internal DeviceTlb? DeviceTlb { get; }

    /// <summary>
    /// Whether accesses are translated by <see cref="DeviceTlb"/>; it stays false where there is none. Set by the
    /// thread that the port serves.
    /// </summary>
    public bool UsesDeviceTlb
    {
        get => _usesDeviceTlb;
        set
        {
            if (_usesDeviceTlb == (value && DeviceTlb is not null)) return;
            _usesDeviceTlb = !_usesDeviceTlb;
            if (_usesDeviceTlb) Interlocked.Or(ref _slow, ByDeviceTlb);
            else Interlocked.And(ref _slow, ~ByDeviceTlb);
            // what the port kept without it is not to be found before it
            Interlocked.Add(ref _generation, GenerationStep);
        }
    }

    /// <summary>Asks whoever answers for the page table for a page. Not within an access; does not wait.</summary>
    /// <param name="request">The request.</param>
    /// <param name="answered">Is called once with the answer to the last request of a group, perhaps before this
    /// returns.</param>
    /// <returns>False when it was not sent, and will not be answered: the device may not now, or has as many unanswered
    /// as it may.</returns>
    public bool RequestPage(in PageRequest request, Action<PageResponse> answered) =>
        RequestsPages && (_part is null
            ? _endpoint.RequestPage(request with { Pasid = Carried(request.Pasid) }, answered)
            : _part.RequestPage(in request, answered));

    /// <summary>Records the fault of an access that the device asked a page for and did not get.</summary>
    public void GiveUp(Pasid? pasid, Iova iova, bool isWrite, DmaResult result)
    {
        Gpa inner = _refused.Iova == iova && _refused.Pasid == pasid ? _refused.Inner : default;
        _endpoint.Report(new DmaFault(Device, Carried(pasid), iova, isWrite, result.Reason, result.Syndrome, inner));
    }

    /// <summary>How a PASID is kept in an IOTLB: its value plus 1, and 0 for none.</summary>
    internal static uint KeyOf(Pasid? pasid) => pasid is { } id ? id.Value + 1 : NoPasid;

    /// <summary>What translates requests that give this PASID, or none; null while they are blocked.</summary>
    private TranslationRoute? RouteOf(uint given) =>
        _part is null ? _endpoint.RouteOf(given == NoPasid ? _defaultKey : given) : _part.RouteOf(given);

    private static Pasid? PasidOf(uint key) => key == NoPasid ? null : new Pasid(key - 1);

    /// <summary>The PASID that a request carries, whose caller gave this one or none.</summary>
    private Pasid? Carried(Pasid? given) => _part is null ? given ?? DefaultPasid : _part.Carried(given);

    /// <summary>The key of the PASID that a request carries, from the key of its IOTLB entries.</summary>
    private uint CarriedBy(ulong key)
    {
        uint given = ((uint)key & PasidMask) ^ _defaultKey;
        return given == NoPasid ? _defaultKey : given;
    }

    /// <summary>Closes the port; it must not be within an access. A later access throws.</summary>
    public void Dispose()
    {
        if (_state == Closed) return;
        _endpoint.ClosePort(this);
        _state = Closed;
    }

    /// <summary>Empties the IOTLBs of ports, and does not wait: accesses under way go on as they began.</summary>
    internal static void Outdate(ReadOnlySpan<DmaPort> ports)
    {
        foreach (DmaPort port in ports) Interlocked.Add(ref port._generation, GenerationStep);
    }

    /// <summary>
    /// Empties the IOTLBs of ports and waits until none is within an access that began before. What was taken out of
    /// the tables before the call is then out of use.
    /// </summary>
    internal static void Quiesce(ReadOnlySpan<DmaPort> ports)
    {
        Outdate(ports);
        Await(ports);
    }

    /// <summary>
    /// Waits until no port is within an access that began before. That suffices for what no IOTLB has.
    /// </summary>
    internal static void Await(ReadOnlySpan<DmaPort> ports)
    {
        if (ports.IsEmpty) return;
        Interlocked.MemoryBarrierProcessWide();
        foreach (DmaPort port in ports)
        {
            long seen = Volatile.Read(ref port._state);
            if ((seen & 1) == 0 || seen == Closed) continue;
            // Polls, because an event would cost each access a look for who waits. Mostly it is a piece of an access,
            // some ten microseconds. Only the host can make it longer, by a page that it has to read; then the naps
            // leave the processor to others.
            SpinWait spin = default;
            int nap = 1;
            while (Volatile.Read(ref port._state) == seen)
            {
                if (spin.Count < QuiesceSpins) spin.SpinOnce(sleep1Threshold: -1);
                else
                {
                    Thread.Sleep(nap);
                    nap = Math.Min(2 * nap, MaxQuiesceNap);
                }
            }
        }
    }

    /// <summary>
    /// Where bytes that were accessed lately are in our own process, probably: for prefetching only, as they may be
    /// elsewhere, and unmapped, as soon as this returns. 0 if it is not known.
    /// </summary>
    internal nint HintOf(Iova iova)
    {
        long state = Enter();
        nint host = Hit(iova.Value, NoPasid | (IsMetered ? MeterKey : 0), 1, ReadTransfer.Needs);
        Leave(state);
        return host;
    }

    /// <summary>One access: what the others come to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal DmaResult Access<T>(Iova iova, uint pasidKey, T transfer) where T : struct, ITransfer, allows ref struct
    {
        long state = Enter();
        nint host = Hit(iova.Value, pasidKey, transfer.Length, T.Needs);
        if (host == 0) host = Miss<T, Unmetered>(iova.Value, pasidKey, transfer.Length);
        if (host != 0)
        {
            transfer.All(host);
            Leave(state);
            return new DmaResult(FaultReason.None, transfer.Length);
        }

        Leave(state);
        return AccessSlow(iova, PasidOf(pasidKey), transfer);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long Enter()
    {
        long state = _state;
        if ((state & 1) != 0) ThrowMisused();
        Volatile.Write(ref _state, state + 1);
        return state;
    }

    /// <summary>
    /// Ends the access that <see cref="Enter"/> began; not by counting further from memory, which would wait for the
    /// store.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Leave(long entered) => Volatile.Write(ref _state, entered + 2);

    /// <summary>
    /// Ends an access that threw: the device that made it may be failed for it, which waits for its accesses.
    /// </summary>
    private void Abandon()
    {
        long state = _state;
        if ((state & 1) != 0) Leave(state - 1);
    }

    [DoesNotReturn]
    private void ThrowMisused() => throw new InvalidOperationException(
        _state == Closed
            ? "The DMA port is closed."
            : "A DMA port serves one thread at a time; open one for each engine.");
}
