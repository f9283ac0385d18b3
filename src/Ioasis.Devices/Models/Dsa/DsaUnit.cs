using System.Runtime.InteropServices;

namespace Ioasis.Devices.Dsa;

/// <summary>What is behind the registers and portals of a DSA function, or of a part of one.</summary>
internal sealed class DsaUnit
{
    private readonly DsaLayout _layout;
    private readonly DsaScheduler _scheduler;
    private readonly DsaCommands _commands;

    /// <inheritdoc cref="DsaScheduler(IPciSlot, DsaOptions, DsaLayout, DsaHandleNumbers?, DsaSharedQueue?)"/>
    internal DsaUnit(
        IPciSlot slot, DsaOptions options, DsaLayout layout, DsaHandleNumbers? handles = null,
        DsaSharedQueue? shared = null)
    {
        _layout = layout;
        _scheduler = new DsaScheduler(slot, options, layout, handles, shared);
        _commands = new DsaCommands(slot, options, layout, _scheduler);
    }

    /// <summary>Whether PRI is enabled.</summary>
    internal bool HasPageRequests => _scheduler.HasPageRequests;

    internal void Ring(Register register, ulong value)
    {
        using (_scheduler.Lock.Enter())
        {
            if (register == DsaRegisters.Command) _commands.Execute((uint)value);
            else if (register == DsaRegisters.Cause) _scheduler.Errors.AcknowledgeCause((uint)value);
            else if (register == _layout.Mode) _commands.WriteMode((uint)value);
            else _scheduler.Errors.Acknowledge(value);
        }
    }

    /// <summary>Takes a descriptor; false if a shared queue is full.</summary>
    internal bool TrySubmit(ulong offset, ReadOnlySpan<byte> descriptor)
    {
        int page = (int)(offset / DsaRegisters.PageSize), queue = page / DsaRegisters.PortalPages;
        // a portal for IMS, which this device has not, or of an mdev's queue
        if (page % DsaRegisters.PortalPages >= DsaRegisters.PortalPages / 2 || queue >= _layout.Queues) return true;
        bool isLimited = page % 2 != 0 || _layout.IsShared; // a part's limit holds at both of its pages
        using (_scheduler.Lock.Enter())
            return _scheduler.TryAccept(
                _scheduler.Queues[queue], isLimited, MemoryMarshal.Read<DsaDescriptor>(descriptor));
    }

    internal void Reset()
    {
        _scheduler.Reset();
        using (_scheduler.Lock.Enter()) _commands.Reset();
    }

    internal void Unplug() => _scheduler.Unplug();
}
