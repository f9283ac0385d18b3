using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vfio.Interrupts;

/// <summary>
/// The one eventfd of the error or request index (Linux: vfio_pci_set_ctx_trigger_single). An error is reported where a
/// model failed, and only a virtual function asked back; a program can fire them itself.
/// </summary>
internal sealed class SingleTrigger
{
    private IEventFile? _event;

    internal Errno Set(IrqRequest request)
    {
        if (request.Start != 0 || request.Count > 1) return Errno.EINVAL;
        if (request.IsNone)
        {
            if (_event is null) return Errno.EINVAL;
            if (request.Count != 0) _event.Signal();
            else Clear();
            return Errno.None;
        }

        if (request.Count == 0) return Errno.EINVAL;
        if (request.IsBool)
        {
            if (request.Bools[0] != 0) _event?.Signal();
            return Errno.None;
        }

        EventRequest wanted = request.Events[0];
        if (wanted.Descriptor < -1) return Errno.EINVAL;
        if (wanted.Error != Errno.None) return wanted.Error;
        Clear();
        _event = request.Take(0);
        return Errno.None;
    }

    internal void Fire() => _event?.Signal();

    internal void Clear()
    {
        _event?.Dispose();
        _event = null;
    }
}
