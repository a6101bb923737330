// torch's tensors as C++ reads them: by DLPack's exchange API, a table of functions that torch's class offers, without
// torch's own headers, and without the calls of Python that ask a tensor for each of its facts.
// https://dmlc.github.io/dlpack/latest/c_api.html
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>

namespace chainrule {

namespace nb = nanobind;

// The table, whose layout is that of the major version 1.
struct TensorExchange {
    uint32_t major, minor;
    void *older, *allocate, *to_managed, *to_object;
    int (*view)(void* object, nb::dlpack::dltensor* view);  // not 0, and an exception, where it has none
    void* stream;
};

// Reads the tensors of two classes, Tensor and Parameter; what belongs to another one may do anything when it is asked.
class TensorReader {
    nb::handle tensor_, parameter_;  // borrowed from torch, which keeps them
    // Names of methods, made once: to make them anew would take longer than what they are asked for.
    const nb::handle is_neg_ = name("is_neg"), is_zero_ = name("_is_zerotensor"), offset_ = name("storage_offset");
    const nb::handle storage_ = name("untyped_storage"), nbytes_ = name("nbytes");
    const TensorExchange* exchange_;

    static nb::handle name(const char* text) { return PyUnicode_InternFromString(text); }  // never given back

    // Whether the storage, which may have been resized, holds as many numbers as are read.
    bool is_held(nb::handle tensor, const nb::dlpack::dltensor& view, int64_t end) const {
        const int64_t itemsize = view.dtype.bits / 8;
        const int64_t offset = nb::cast<int64_t>(tensor.attr(offset_)());
        return nb::cast<int64_t>(tensor.attr(storage_)().attr(nbytes_)()) >= (offset + end) * itemsize;
    }

public:
    TensorReader() {
        const nb::module_ torch = nb::module_::import_("torch");
        tensor_ = torch.attr("Tensor");
        parameter_ = torch.attr("nn").attr("Parameter");
        const nb::object table = tensor_.attr("__dlpack_c_exchange_api__");
        exchange_ = static_cast<const TensorExchange*>(PyCapsule_GetPointer(table.ptr(), "dlpack_exchange_api"));
        if (!exchange_) throw nb::python_error();
        if (exchange_->major != 1 || !exchange_->view) throw std::runtime_error("torch's DLPack is of an unknown version");
    }

    // Whether it is a tensor of floating or boolean values on the CPU, not empty, which are in memory as they are; then
    // what it is.
    bool read(nb::handle object, nb::dlpack::dltensor& view) const {
        if (!object.type().is(tensor_) && !object.type().is(parameter_)) return false;
        if (exchange_->view(object.ptr(), &view) != 0) {
            PyErr_Clear();  // sparse, nested, without storage: its own checks say it in words
            return false;
        }
        if (view.device.device_type != nb::device::cpu::value || view.dtype.lanes != 1) return false;
        const auto code = nb::dlpack::dtype_code(view.dtype.code);
        if ((code != nb::dlpack::dtype_code::Float && code != nb::dlpack::dtype_code::Bool) || !view.data) return false;
        int64_t end = 1;
        for (int i = 0; i < view.ndim; ++i) {
            if (view.shape[i] == 0) return false;
            end += (view.shape[i] - 1) * view.strides[i];
        }
        const auto is = [&](nb::handle what) { return nb::cast<bool>(object.attr(what)()); };
        return !is(is_neg_) && !is(is_zero_) && is_held(object, view, end);
    }

    // The same of one whose numbers lie one after the other, of the dtype and shape of its place; null for None.
    template <size_t rank>
    bool read_dense(nb::handle object, nb::dlpack::dtype dtype, const int64_t (&shape)[rank], const void*& data) const {
        data = nullptr;
        if (object.is_none()) return true;
        nb::dlpack::dltensor view;
        if (!read(object, view) || view.ndim != int(rank) || view.dtype != dtype) return false;
        int64_t stride = 1;
        for (int i = rank - 1; i >= 0; --i) {
            if (view.shape[i] != shape[i] || (shape[i] != 1 && view.strides[i] != stride)) return false;
            stride *= shape[i];
        }
        data = view.data;
        return true;
    }
};

}  // namespace chainrule
