using System.Globalization;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.DmaApi;

/// <summary>A device whose group is on a domain of the DMA API, and one engine of it.</summary>
internal sealed class DmaDeviceBench : IDisposable
{
    internal DmaDeviceBench(bool lazy = false, bool identity = false, DmaDeviceOptions? options = null)
    {
        Endpoint = Bench.NewEndpoint();
        if (identity)
        {
            Domain = DmaDomain.CreateIdentity(Endpoint.Unit, new OwnAddressSpace());
        }
        else
        {
            Assert.Equal(IommuStatus.Ok, DmaDomain.Create(Endpoint, lazy, out DmaDomain? domain));
            Domain = domain!;
        }

        Assert.Equal(IommuStatus.Ok, Endpoint.Group.SetDefaultDomain(Domain.Domain));
        Device = new DmaDevice(Domain, "test", options);
        Port = Endpoint.OpenPort();
    }

    internal DmaBench Bench { get; } = new();

    internal Endpoint Endpoint { get; }

    internal DmaDomain Domain { get; }

    internal DmaDevice Device { get; }

    internal DmaPort Port { get; }

    /// <summary>How much to do: what the environment says, for runs by hand, or less.</summary>
    internal static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;

    /// <summary>What the device reads; null when it may not.</summary>
    internal byte[]? Read(Iova at, int count)
    {
        var bytes = new byte[count];
        return Port.Read(at, bytes).IsOk ? bytes : null;
    }

    internal bool Write(Iova at, params byte[] bytes) => Port.Write(at, bytes).IsOk;

    public void Dispose()
    {
        Port.Dispose();
        Device.Dispose();
    }
}
