using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>
/// A part of a <see cref="DsaDevice"/>: a queue with an engine of its own, so that no part waits for another's pages.
/// Its registers are those of a whole DSA whose configuration is fixed.
/// </summary>
/// <remarks>
/// Requests of descriptors without a PASID carry the one of the slot's ports, which no register and no record shows.
/// The queue of a shared part takes PASIDs; the slot's ports let through those that its program has attached.
/// </remarks>
internal sealed class DsaSubdevice : PciDeviceModel
{
    private readonly DsaOptions _options;
    private readonly DsaLayout _layout;
    private readonly DsaHandleNumbers _handles;
    private readonly DsaSharedQueue? _shared;
    private DsaUnit? _unit;

    /// <summary>Makes a part.</summary>
    /// <param name="options">The limits of the function.</param>
    /// <param name="handles">The numbers of interrupt handles of the function.</param>
    /// <param name="shared">The queue that it shares; null for one of its own.</param>
    /// <param name="blocksOnFault">Whether descriptors of a shared queue may request pages.</param>
    internal DsaSubdevice(DsaOptions options, DsaHandleNumbers handles, DsaSharedQueue? shared, bool blocksOnFault)
    {
        _options = options with { InterruptHandles = true };
        (_handles, _shared) = (handles, shared);
        _layout = DsaLayout.OfPart(_options, shared is not null, shared is not null && blocksOnFault);
        Function = DsaDevice.Describe(_layout);
        if (shared is not null)
        {
            Function = Function with
            {
                PasidBits = Pasid.Bits,
                PasidPrivileged = true,
                HasAts = true,
                PageRequests = DsaRegisters.PageRequests,
            };
        }
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) => _unit = new DsaUnit(slot, _options, _layout, _handles, _shared);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _unit!.Ring(register, value);

    /// <inheritdoc/>
    public override bool TrySubmit(int bar, ulong offset, ReadOnlySpan<byte> descriptor) =>
        _unit!.TrySubmit(offset, descriptor);

    /// <inheritdoc/>
    public override void Reset() => _unit!.Reset();

    /// <inheritdoc/>
    public override void Unplug() => _unit!.Unplug();
}
