using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Vfio;

public sealed partial class VfioPciDevice
{
    /// <summary>Binds the device through a file (Linux: vfio_df_open). <paramref name="publish"/> hands the ID out; if
    /// it fails, nothing was bound.</summary>
    internal Errno Bind(VfioDeviceFile file, IommufdContext context, Func<uint, bool> publish)
    {
        using (_binding.Enter())
        {
            if (_bound is not null) return Errno.EINVAL;
            Errno errno = VfioBinding.Create(file, context, out VfioBinding? binding);
            if (errno != Errno.None) return errno;
            Enable(file.Carrier);
            if (!publish(binding!.Device.Id))
            {
                Disable();
                binding.Close();
                return Errno.EFAULT;
            }

            _bound = binding;
            _physical?.OwnToken!.AddUser();
            return Errno.None;
        }
    }

    /// <summary>
    /// Binds the device through a file of its group and attaches it to the context's compatibility IOAS, or does
    /// neither.
    /// </summary>
    /// <returns>EBUSY when the group handed it out before; ENODEV when the context has no such IOAS.</returns>
    internal Errno BindAndAttach(VfioDeviceFile file, IommufdContext context)
    {
        using (_binding.Enter())
        {
            if (_bound is not null) return Errno.EBUSY;
            Errno errno = Bind(file, context, _ => true);
            if (errno != Errno.None) return errno;
            errno = context.TryGetCompatIoas(out uint ioas);
            if (errno == Errno.None) errno = _bound!.Attach(ref ioas);
            if (errno != Errno.None) Unbind(file);
            return errno;
        }
    }

    /// <summary>
    /// Attaches the bound device, or one PASID of it. <paramref name="publish"/> hands the page table's ID out; if it
    /// fails, the device is detached.
    /// </summary>
    internal Errno Attach(uint? pasid, uint pageTable, Func<uint, bool> publish)
    {
        using (_binding.Enter())
        {
            Errno errno = pasid is { } id ? _bound!.Attach(id, ref pageTable) : _bound!.Attach(ref pageTable);
            if (errno != Errno.None || publish(pageTable)) return errno;
            Detach(pasid);
            return Errno.EFAULT;
        }
    }

    /// <summary>The bound device sends a PASID of a /dev/sva from now on.</summary>
    internal Errno Attach(SvaContext sva, uint pasid)
    {
        using (_binding.Enter()) return _bound!.Attach(sva, pasid);
    }

    /// <summary>Detaches the bound device, or one PASID of it; nothing happens if it is not attached.</summary>
    internal void Detach(uint? pasid)
    {
        using (_binding.Enter())
        {
            if (pasid is { } id) _bound!.Detach(id);
            else _bound!.Detach();
        }
    }

    /// <summary>The bound device's ID in its context.</summary>
    internal uint BoundId
    {
        get { using (_binding.Enter()) return _bound!.Device.Id; }
    }

    /// <summary>The file through which its group opened it; null when it did not.</summary>
    internal VfioDeviceFile? FileOfGroup
    {
        get { using (_binding.Enter()) return _bound?.File is { IsOfGroup: true, IsGranted: true } file ? file : null; }
    }

    /// <summary>
    /// Gives the device back if it is bound through this file: its DMA ends before its page tables go.
    /// </summary>
    internal void Unbind(VfioDeviceFile file)
    {
        using (_binding.Enter())
        {
            if (_bound is null || _bound.File != file) return;
            Disable();
            _physical?.OwnToken!.RemoveUser();
            _bound.Close();
            _bound = null;
        }
    }
}
