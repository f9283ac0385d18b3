using Ioasis.Devices;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio.Pci;

namespace Ioasis.Machine;

/// <summary>Virtual functions, which come and go.</summary>
public sealed partial class SoftwareMachine
{
    /// <summary>Plugs the first of a function's virtual ones in.</summary>
    internal IReadOnlyList<MachineDevice> PlugVirtual(PciSriov sriov, IReadOnlyList<PciDeviceModel> models)
    {
        using (_lock.Enter())
        {
            MachineDevice physical = sriov.Physical;
            List<MachineDevice> plugged = [];
            try
            {
                for (int number = 0; number < models.Count; number++)
                {
                    RequesterId address = PciSriov.AddressOf(physical.Requester, sriov.Layout, number);
                    var device = new DeviceDescription(physical.Model, address, physical.Unit, null,
                        new Dictionary<string, string>());
                    int index = number;
                    VfioPciDevice vfio = Add(device, sriov.Layout.VirtualFunction, (endpoint, minor) =>
                        _bus.AddVirtual(models[index], endpoint, minor, physical.Pci, index));
                    var function = new MachineDevice(device.Model, vfio) { Virtual = (physical.Requester, number) };
                    plugged.Add(function);
                    if (!sriov.Autoprobe.IsOn)
                    {
                        _bus.Detach(vfio);
                        function.Driver = DriverState.None;
                    }

                    _devices = [.. _devices, plugged[number]];
                }
            }
            catch
            {
                Unplug(plugged);
                throw;
            }

            BuildPaths();
            return plugged;
        }
    }

    /// <summary>No path leads to these virtual functions any more.</summary>
    internal void Hide(IReadOnlyList<MachineDevice> functions)
    {
        using (_lock.Enter())
        {
            foreach (MachineDevice function in functions) function.IsHidden = true;
            BuildPaths();
        }
    }

    /// <summary>Unplugs virtual functions, whose files are closed; what they were called is free again.</summary>
    internal void Unplug(IReadOnlyList<MachineDevice> functions)
    {
        using (_lock.Enter())
        {
            foreach (MachineDevice function in functions)
            {
                _bus.Remove(function.Pci);
                Forget(function.Endpoint, function.Requester);
            }

            _devices = [.. _devices.Except(functions)];
            BuildPaths();
        }
    }
}
