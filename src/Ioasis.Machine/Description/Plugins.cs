using System.Reflection;
using Ioasis.Core.Units;
using Ioasis.Devices;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Machine.Nodes;

namespace Ioasis.Machine.Description;

/// <summary>What assemblies of other authors bring: device models, drivers of units, nodes, ioctls of
/// /dev/iommu.</summary>
public static class Plugins
{
    /// <summary>Loads an assembly; what it brings can then be named like what is built in.</summary>
    /// <param name="path">The assembly, with what it needs beside it.</param>
    /// <returns>The names of what it brings.</returns>
    /// <exception cref="MachineDescriptionException">It cannot be loaded, brings nothing, or something that cannot be
    /// used.</exception>
    public static IReadOnlyList<string> Load(string path)
    {
        List<string> names = [];
        foreach (Type type in TypesOf(path))
        {
            if (type.GetCustomAttribute<DeviceModelAttribute>() is { } model) AddModel(path, type, Take(model.Name));
            if (type.GetCustomAttribute<MdevParentAttribute>() is { } parent)
                AddParent(path, type, parent, Take(parent.Name));
            if (type.GetCustomAttribute<IommuDriverAttribute>() is { } driver) AddDriver(path, type, Take(driver.Name));
            if (type.GetCustomAttribute<MachineNodeAttribute>() is { } node) AddNode(path, type, Take(node.Name));
            if (type.GetCustomAttribute<IommufdIoctlAttribute>() is { } ioctl)
                AddIoctl(path, type, ioctl, Take(ioctl.Name));
        }

        if (names.Count == 0)
            throw Complain(path, "no public class in it "
                + "has an attribute [DeviceModel(\"name\")], [IommuDriver(\"name\")], [MachineNode(\"name\")] "
                + "or [IommufdIoctl(...)]");
        return names;

        string Take(string name)
        {
            names.Add(name);
            return name;
        }
    }

    private static Type[] TypesOf(string path)
    {
        try
        {
            // Into the context that the product is in, so that its types derive from the same contracts.
            return Assembly.LoadFrom(Path.GetFullPath(path)).GetExportedTypes();
        }
        catch (Exception e) when (
            e is IOException or BadImageFormatException or UnauthorizedAccessException or TypeLoadException)
        {
            throw new MachineDescriptionException(
                $"plug-in \"{path}\": cannot be loaded: {FileReasons.Of(e, path)}.", e);
        }
    }

    private static void AddModel(string path, Type type, string name)
    {
        ConstructorInfo constructor =
            ConstructorOf(path, type, typeof(PciDeviceModel), "without parameters", "no model");
        CheckName(path, type, name);
        if (!ModelRegistry.Models.TryAdd(name, () => (PciDeviceModel)constructor.Invoke(null)))
            throw Complain(path, $"there is already a device model \"{name}\"; give {type.Name} another name");
    }

    private static void AddParent(string path, Type type, MdevParentAttribute attribute, string name)
    {
        CheckName(path, type, name);
        CheckName(path, type, attribute.Class);
        if (type.IsAbstract || !type.IsAssignableTo(typeof(IMdevParent))
            || type.GetConstructor([]) is not { } constructor)
        {
            throw Complain(path, $"{type.Name} implements {nameof(IMdevParent)} and has a public constructor "
                + "without parameters, or it is no parent of mdevs");
        }

        if (ModelRegistry.Models.CheckModel(name) is null
            || !MdevParentRegistry.TryAdd(name, () => (IMdevParent)constructor.Invoke(null), attribute.Class))
            throw Complain(path, $"there is already a device \"{name}\"; give {type.Name} another name");
    }

    private static void AddDriver(string path, Type type, string name)
    {
        CheckName(path, type, name);
        ConstructorInfo? withProperties = type.GetConstructor([typeof(string), typeof(UnitProperties)]);
        Func<string, UnitProperties, IommuUnit> create;
        if (withProperties is not null && !type.IsAbstract && type.IsSubclassOf(typeof(IommuUnit)))
        {
            create = (unit, properties) => Create(withProperties, unit, properties);
        }
        else
        {
            ConstructorInfo constructor = ConstructorOf(
                path, type, typeof(IommuUnit), "that takes the unit's name", "no driver", typeof(string));
            create = (unit, _) => Create(constructor, unit);
        }

        if (!DriverRegistry.TryAdd(new IommuDriver(name, create)))
            throw Complain(path, $"there is already a driver \"{name}\"; give {type.Name} another name");

        static IommuUnit Create(ConstructorInfo constructor, params object[] arguments) =>
            (IommuUnit)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, null);
    }

    private static void AddNode(string path, Type type, string name)
    {
        CheckName(path, type, name);
        if (type.IsAbstract || !type.IsAssignableTo(typeof(IMachineNode))
            || type.GetConstructor([]) is not { } constructor)
        {
            throw Complain(path, $"{type.Name} implements {nameof(IMachineNode)} and has a public constructor " +
                "without parameters, or it is no node");
        }

        if (!NodeRegistry.TryAdd(name, () => (IMachineNode)constructor.Invoke(null)))
            throw Complain(path, $"there is already a node \"{name}\"; give {type.Name} another name");
    }

    private static void AddIoctl(string path, Type type, IommufdIoctlAttribute attribute, string name)
    {
        ConstructorInfo constructor = ConstructorOf(path, type, typeof(IommufdIoctl), "without parameters", "no ioctl");
        var ioctl = (IommufdIoctl)constructor.Invoke(null);
        if (IoctlTable.TryAdd(ioctl.Describe(attribute)) is { } wrong) throw Complain(path, $"{name}: {wrong}");
    }

    private static ConstructorInfo ConstructorOf(string path, Type type, Type contract, string which, string otherwise,
        params Type[] parameters) =>
        !type.IsAbstract && type.IsSubclassOf(contract) && type.GetConstructor(parameters) is { } constructor
            ? constructor
            : throw Complain(path,
                $"{type.Name} is {otherwise}: it must derive from {contract.Name} and have a public constructor "
                    + which);

    private static void CheckName(string path, Type type, string name)
    {
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            throw Complain(path, $"\"{name}\" is not a valid name for {type.Name}; use letters, digits and dashes");
    }

    private static MachineDescriptionException Complain(string path, string sentence) =>
        new($"plug-in \"{path}\": {sentence}.");
}
