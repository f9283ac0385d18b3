using Ioasis.Devices.Virtio;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Tests.Vdpa;

/// <summary>How a machine gets its vDPA devices.</summary>
public sealed class PlugTests : IDisposable
{
    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void ADeviceThatCannotBePluggedInChangesNothing()
    {
        string[] paths = [.. _machine.Paths.Keys.Order(StringComparer.Ordinal)];
        int pasids = _machine.Pasids.Count;
        var bad = new VirtioBlkDevice(new VirtioBlkOptions { File = "/nowhere/disk" });
        Assert.Throws<ArgumentException>(() => _machine.PlugVdpa(bad, "n0"));
        Assert.Equal(pasids, _machine.Pasids.Count);
        Assert.Equal(paths, _machine.Paths.Keys.Order(StringComparer.Ordinal));

        using SoftwareMachine untouched = SoftwareMachine.Create(MachineDescription.Default);
        MachineVdpa here = _machine.PlugVdpa(new TestVirtio(), "n0"),
            there = untouched.PlugVdpa(new TestVirtio(), "n0");
        Assert.Equal((there.Endpoint.Group.Id, there.Node), (here.Endpoint.Group.Id, here.Node));
    }

    [Theory]
    [InlineData("virtio-net@n0,vdpa,va=yes", "\"va\" is on or off, not \"yes\"")]
    [InlineData("virtio-net@n0,vdpa,doorbells", "\"doorbells\" is on or off, not \"\"")]
    [InlineData("virtio-net@n0,vdpa,mtu=1", "\"mtu\" is a number from 68 to 65535, not \"1\"")]
    [InlineData("virtio-net@n0,vdpa,mtu=1500,mtu=1500", "mtu given twice")]
    [InlineData("virtio-blk@n0,vdpa,mtu=1500", "\"mtu=1500\" is not a property of virtio-blk; expected one of: "
        + "file=VALUE, size=VALUE, queues=VALUE, queueSize=VALUE, readOnly=VALUE, serial=VALUE, features=VALUE")]
    [InlineData("edu@n0,vdpa", "there is no virtio model \"edu\"; expected one of: virtio-blk, virtio-net")]
    public void WhatADeviceCannotBeToldIsRefused(string text, string complaint) =>
        Assert.Equal($"device \"{text}\": {complaint}.", Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Default.WithDevice(text)).Message);
}
