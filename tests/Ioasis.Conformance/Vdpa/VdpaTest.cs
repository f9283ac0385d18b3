using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vdpa;

/// <summary>What the tests of vDPA devices share: an open network card or disk of the target.</summary>
public abstract class VdpaTest : UapiTest
{
    internal const uint Net = 1, Disk = 2;
    internal const byte Acknowledge = 1, Driver = 2, DriverOk = 4, FeaturesOk = 8, NeedsReset = 0x40;
    internal const ulong Version1 = 1UL << 32, AccessPlatform = 1UL << 33;

    // All that clients of today acknowledge.
    internal const ulong BackendFeatures = 0x1e;

    /// <summary>Opens the first device of a kind that nobody has.</summary>
    internal VdpaDevice Open(uint kind)
    {
        Target.Needs("vdpa");
        for (int number = 0; ; number++)
        {
            VdpaDevice device = VdpaDevice.Open(Nodes, number);
            if (device.GetDeviceId() == kind) return Own(device);
            device.Dispose();
        }
    }

    internal VdpaDevice OpenOwned(uint kind)
    {
        VdpaDevice device = Open(kind);
        device.SetOwner();
        device.SetBackendFeatures(BackendFeatures);
        return device;
    }

    /// <summary>Goes as far as FEATURES_OK.</summary>
    internal static void Negotiate(VdpaDevice device, ulong features = 0)
    {
        device.SetStatus(Acknowledge);
        device.SetStatus(Acknowledge | Driver);
        device.SetFeatures(Version1 | AccessPlatform | features);
        device.SetStatus(Acknowledge | Driver | FeaturesOk);
    }

    internal static void Run(VdpaDevice device) => device.SetStatus(Acknowledge | Driver | FeaturesOk | DriverOk);

    internal static SysResult Vring(VdpaDevice device, uint command, uint queue, uint number)
    {
        var state = new VhostVringState { Index = queue, Num = number };
        return device.TryIoctl(command, ref state);
    }

    internal static SysResult Eventfd(VdpaDevice device, uint command, uint queue, int descriptor)
    {
        var file = new VhostVringFile { Index = queue, Fd = descriptor };
        return device.TryIoctl(command, ref file);
    }

    /// <summary>A message, as it is written.</summary>
    internal SysResult Send(VdpaDevice device, VhostMsgV2 message, int count = 72)
    {
        UserMemory memory = Pages(1);
        memory.Write(0, message);
        return device.Handle.Write(memory.Address, (ulong)count);
    }

    internal SysResult Update(VdpaDevice device, Iova iova, ulong size, Hva address, byte perm = VhostH.VHOST_ACCESS_RW,
        uint asid = 0) => Send(device, new VhostMsgV2
        {
            Type = VhostH.VHOST_IOTLB_MSG_V2,
            Asid = asid,
            Iotlb = new VhostIotlbMsg
            {
                Iova = iova.Value,
                Size = size,
                Uaddr = address.Value,
                Perm = perm,
                Type = VhostH.VHOST_IOTLB_UPDATE,
            },
        });
}
