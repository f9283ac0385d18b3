using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Drivers;

/// <summary>A function in one of a driver's homes, with a machine of its own.</summary>
internal sealed class FunctionRig : IDisposable
{
    internal const string Address = "1000:00:05.0";

    /// <summary>Opens the function at <see cref="Address"/>.</summary>
    /// <param name="home">The home; no mdev.</param>
    /// <param name="devices">The machine's devices, as <c>--device</c> has them.</param>
    internal FunctionRig(DriverHome home, params string[] devices)
    {
        MachineDescription machine = MachineDescription.Empty with
        {
            DefaultDomain = home switch
            {
                DriverHome.HostLazy => DomainType.DmaFlushQueue,
                DriverHome.HostIdentity => DomainType.Identity,
                _ => DomainType.Dma,
            },
        };
        foreach (string device in devices) machine = machine.WithDevice(device);
        Machine = SoftwareMachine.Create(machine);
        Nodes = NodeTransport.InProcess(Machine);
        Home = home;
        Function = Open(Address);
    }

    internal DriverHome Home { get; }

    internal SoftwareMachine Machine { get; }

    /// <summary>A process of the machine: a driver in user space is in this one.</summary>
    internal NodeTransport Nodes { get; }

    internal DriverFunction Function { get; }

    /// <summary>Opens another function of the machine in the same home.</summary>
    internal DriverFunction Open(string address)
    {
        Assert.True(RequesterId.TryParse(address, out RequesterId requester));
        var options = new DmaDeviceOptions
        {
            BouncesAlways = Home is DriverHome.VfioBounced or DriverHome.HostBounced,
        };
        return Home is DriverHome.Vfio or DriverHome.VfioBounced
            ? VfioFunction.Open(Nodes, requester, options)
            : HostDriverFunction.Open(Machine, requester, "test", options);
    }

    public void Dispose()
    {
        int left = Function.Dma.Live;
        Function.Dispose();
        Nodes.Dispose();
        Machine.Dispose();
        Assert.Equal(0, left);
    }
}
