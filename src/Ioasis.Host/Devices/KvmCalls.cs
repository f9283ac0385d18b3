using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Devices;

/// <summary>
/// KVM_SET_DEVICE_ATTR, by which a VMM tells KVM's VFIO device of each VFIO file. The kernel would find a memfd and
/// refuse it; so for files of ours we answer. All else is the kernel's to answer: other devices and attributes, files
/// that are none of ours or no VFIO files.
/// </summary>
internal sealed class KvmCalls(CallerTable callers, KvmDevices devices, CallAccount? account = null)
{
    /// <summary>ioctl(2) with that number.</summary>
    public Answer SetAttribute(in SeccompNotif call)
    {
        // Only if the caller is then found to live is what was read its own.
        if (!TryRead(call, call.Data.Args[2], out KvmDeviceAttr attribute)
            || attribute is not
            {
                Group: KvmH.KVM_DEV_VFIO_FILE,
                Attr: KvmH.KVM_DEV_VFIO_FILE_ADD or KvmH.KVM_DEV_VFIO_FILE_DEL
            }
            || !TryRead(call, attribute.Addr, out int descriptor)) return Answer.Continue;
        if (!callers.TryIdentify(call, descriptor, out CallerThread? caller, out OpenFile? open, out Answer other))
            return other;
        try { return Serve(caller, (int)call.Data.Args[0], attribute.Attr == KvmH.KVM_DEV_VFIO_FILE_ADD, open); }
        finally { CallerTable.Leave(caller, open); }
    }

    private Answer Serve(CallerThread caller, int descriptor, bool add, OpenFile open)
    {
        if (!open.File.IsVfioFile || !CallerFiles.TryFetch(caller, descriptor, out FileDescriptor device))
            return Answer.Continue;
        using (device)
        {
            if (!KvmDevices.IsOne(device)) return Answer.Continue;
            int process = caller.Process.Pid;
            Errno errno = add ? devices.Add(device, process, open) : devices.Remove(device, process, open);
            account?.Note(open.Name,
                add ? nameof(KvmH.KVM_DEV_VFIO_FILE_ADD) : nameof(KvmH.KVM_DEV_VFIO_FILE_DEL), errno);
            return errno;
        }
    }

    private static bool TryRead<T>(in SeccompNotif call, ulong address, out T value) where T : unmanaged
    {
        value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        return SysMemory.ReadProcess((int)call.Pid, address, bytes) == bytes.Length;
    }
}
