using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>
/// What a program asks for with one file descriptor of SET_IRQS. It is looked up before any lock is taken, and an error
/// among them counts only when its turn comes.
/// </summary>
/// <param name="Descriptor">As the program gave it; below 0 for none.</param>
/// <param name="Event">The eventfd; null when there is none, or on an error.</param>
/// <param name="Error">Why the descriptor is of no use.</param>
internal readonly record struct EventRequest(int Descriptor, IEventFile? Event, Errno Error)
{
    internal static EventRequest LookUp(ICaller caller, int descriptor)
    {
        if (descriptor < 0) return new EventRequest(descriptor, null, Errno.None);
        Errno errno = caller.GetFile(descriptor, out IOpenFile? file);
        if (errno != Errno.None) return new EventRequest(descriptor, null, errno);
        if (file is IEventFile found) return new EventRequest(descriptor, found, Errno.None);
        (file as IDisposable)?.Dispose();
        return new EventRequest(descriptor, null, Errno.EINVAL.Because($"descriptor {descriptor} is not an eventfd"));
    }
}

/// <summary>The data of one SET_IRQS call.</summary>
/// <param name="Flags">Data and action.</param>
/// <param name="Start">First interrupt.</param>
/// <param name="Count">How many.</param>
/// <param name="Bools">With DATA_BOOL, one for each.</param>
/// <param name="Events">With DATA_EVENTFD, one for each. Whoever uses one takes its event out of the array.</param>
internal readonly record struct IrqRequest(uint Flags, uint Start, uint Count, byte[] Bools, EventRequest[] Events)
{
    internal bool IsNone => (Flags & VfioH.VFIO_IRQ_SET_DATA_NONE) != 0;

    internal bool IsBool => (Flags & VfioH.VFIO_IRQ_SET_DATA_BOOL) != 0;

    internal bool IsEvent => (Flags & VfioH.VFIO_IRQ_SET_DATA_EVENTFD) != 0;

    /// <summary>Takes an event over: it is then the taker's to dispose.</summary>
    internal IEventFile? Take(uint index)
    {
        IEventFile? taken = Events[index].Event;
        Events[index] = Events[index] with { Event = null };
        return taken;
    }

    /// <summary>Lets the events go that nobody took.</summary>
    internal void Release()
    {
        foreach (EventRequest request in Events) request.Event?.Dispose();
    }
}
