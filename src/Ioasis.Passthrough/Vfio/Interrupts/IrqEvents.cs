using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>
/// The eventfds that a device's interrupts signal, by index and number. It owns them. What may be set when is for the
/// kind of device to say; it also locks.
/// </summary>
internal sealed class IrqEvents
{
    private readonly IEventFile?[][] _events;

    /// <summary>Makes one without eventfds.</summary>
    /// <param name="counts">How many interrupts each index has.</param>
    internal IrqEvents(params ReadOnlySpan<uint> counts)
    {
        _events = new IEventFile?[counts.Length][];
        for (int index = 0; index < counts.Length; index++) _events[index] = new IEventFile?[counts[index]];
    }

    /// <summary>How many interrupts an index has; 0 for an index that there is not.</summary>
    internal uint Count(uint index) => index < (uint)_events.Length ? (uint)_events[index].Length : 0;

    /// <summary>Signals an interrupt's eventfd, if it has one.</summary>
    internal void Signal(uint index, uint number) => _events[index][number]?.Signal();

    /// <summary>
    /// Gives an interrupt an eventfd, which is then this object's, or none. The former one is let go.
    /// </summary>
    internal void Replace(uint index, uint number, IEventFile? file)
    {
        ref IEventFile? place = ref _events[index][number];
        place?.Dispose();
        place = file;
    }

    /// <summary>Lets the eventfds of an index go.</summary>
    internal void Clear(uint index)
    {
        for (uint number = 0; number < Count(index); number++) Replace(index, number, null);
    }

    /// <summary>Lets all eventfds go.</summary>
    internal void Clear()
    {
        for (uint index = 0; index < (uint)_events.Length; index++) Clear(index);
    }

    /// <summary>
    /// Signals what a program fires by itself: with DATA_NONE each interrupt, with DATA_BOOL those that it marked.
    /// </summary>
    internal void Fire(uint index, IrqRequest request)
    {
        for (uint i = 0; i < request.Count; i++)
            if (request.IsNone || request.Bools[i] != 0) Signal(index, request.Start + i);
    }

    /// <summary>
    /// Triggers an index that has one interrupt and nothing to enable, as the error and request indexes of PCI
    /// functions are (Linux: vfio_pci_set_ctx_trigger_single).
    /// </summary>
    internal Errno TriggerSingle(uint index, IrqRequest request)
    {
        ref IEventFile? place = ref _events[index][0];
        if (request.Start != 0 || request.Count > 1)
            return Errno.EINVAL.Because(
                $"the interrupt has one vector; the call names {request.Count} from {request.Start} on");
        if (request.IsNone)
        {
            if (place is null) return Errno.EINVAL.Because("the interrupt has no eventfd");
            if (request.Count != 0) place.Signal();
            else Clear(index);
            return Errno.None;
        }

        if (request.Count == 0) return Errno.EINVAL.Because("the call names no vector");
        if (request.IsBool)
        {
            if (request.Bools[0] != 0) place?.Signal();
            return Errno.None;
        }

        EventRequest wanted = request.Events[0];
        if (wanted.Descriptor < -1)
            return Errno.EINVAL.Because($"descriptor {wanted.Descriptor} is below -1, which stands for none");
        if (wanted.Error != Errno.None) return wanted.Error;
        Replace(index, 0, request.Take(0));
        return Errno.None;
    }
}
